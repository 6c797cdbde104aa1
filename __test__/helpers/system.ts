/** The system that the tests run on. */
export const isWindows = process.platform === 'win32'
