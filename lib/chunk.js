/**
 * Rows as the addon hands them over: chunks of encoded columns. src/sqlite/chunk.rs describes the form.
 */
'use strict'

const { Buffer } = require('node:buffer')

const NUMBERS = 0
const INTEGERS = 1
const ASCII = 2
const TEXT = 3

const [NULL, NUMBER, INTEGER] = [0, 1, 2]
const TEXT_TAG = 3

/** From this average length on a string is made for each text. */
const LONG_TEXT = 200

const HEAD_BYTES = 8
const fillUp = length => (length + 7) & ~7

/** How many rows a chunk has. */
const countOf = bytes => bytes.readUInt32LE(0)

/** `{ rows, columns }`: how many rows, and for each column something that gives the value of row n by `[n]`. */
function decode(bytes) {
  const rows = countOf(bytes)
  const columns = []
  for (let at = HEAD_BYTES; at < bytes.length;) {
    const [kind, length] = [bytes.readUInt32LE(at), bytes.readUInt32LE(at + 4)]
    const column = bytes.subarray(at + HEAD_BYTES, at + HEAD_BYTES + length)
    columns.push(decodeColumn(kind, column, rows))
    at += HEAD_BYTES + length
  }
  return { rows, columns }
}

function decodeColumn(kind, bytes, rows) {
  switch (kind) {
    case NUMBERS:
      return new Float64Array(bytes.buffer, bytes.byteOffset, rows)
    case INTEGERS:
      return new BigInt64Array(bytes.buffer, bytes.byteOffset, rows)
    case ASCII:
    case TEXT:
      return decodeTexts(kind, bytes, rows)
    default:
      return decodeMixed(bytes, rows)
  }
}

/** One string for all of them, cut to pieces: a string made for each takes several times as long, unless they are long. */
function decodeTexts(kind, bytes, rows) {
  const ends = new Uint32Array(bytes.buffer, bytes.byteOffset, rows)
  if (kind === ASCII && ends[rows - 1] >= LONG_TEXT * rows) return decodeLongTexts(bytes, ends)
  const all = kind === ASCII ? bytes.latin1Slice(4 * rows) : bytes.utf8Slice(4 * rows)
  const texts = new Array(rows)
  for (let n = 0, start = 0; n < rows; n++) {
    texts[n] = all.slice(start, ends[n])
    start = ends[n]
  }
  return texts
}

function decodeLongTexts(bytes, ends) {
  const texts = new Array(ends.length)
  for (let n = 0, start = ends.byteLength; n < ends.length; n++) {
    const end = ends.byteLength + ends[n]
    texts[n] = bytes.latin1Slice(start, end)
    start = end
  }
  return texts
}

function decodeMixed(bytes, rows) {
  const slots = fillUp(rows)
  const numbers = new Float64Array(bytes.buffer, bytes.byteOffset + slots, rows)
  const integers = new BigInt64Array(bytes.buffer, bytes.byteOffset + slots, rows)
  const ends = new Uint32Array(bytes.buffer, bytes.byteOffset + slots, 2 * rows)
  const textsAt = slots + 8 * rows + 8
  const blobsAt = textsAt + bytes.readUInt32LE(textsAt - 8)
  const texts = bytes.utf8Slice(textsAt, blobsAt)
  const values = new Array(rows)
  for (let n = 0, textStart = 0, blobStart = blobsAt; n < rows; n++) {
    const tag = bytes[n]
    if (tag === NULL) values[n] = null
    else if (tag === NUMBER) values[n] = numbers[n]
    else if (tag === INTEGER) values[n] = integers[n]
    else if (tag === TEXT_TAG) {
      values[n] = texts.slice(textStart, ends[2 * n])
      textStart = ends[2 * n]
    } else {
      const end = blobsAt + ends[2 * n]
      values[n] = copyOf(bytes, blobStart, end)
      blobStart = end
    }
  }
  return values
}

/** With memory of its own: who keeps a blob does not keep the chunk. */
function copyOf(bytes, start, end) {
  const blob = Buffer.allocUnsafeSlow(end - start)
  bytes.copy(blob, 0, start, end)
  return blob
}

module.exports = { countOf, decode }
