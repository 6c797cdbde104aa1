// The declarations of require() once more: a class is the same type in both module forms, as it is the same value.
export * from './index.js'
