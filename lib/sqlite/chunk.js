/**
 * Rows as the addon hands them over: chunks of encoded columns. src/sqlite/chunk.rs describes the form.
 */
'use strict'

const { Buffer } = require('node:buffer')
const { withMemory } = require('../base/errors')

const NUMBERS = 0
const INTEGERS = 1
const ASCII = 2
const TEXT = 3

const [NULL, NUMBER, INTEGER] = [0, 1, 2]
const TEXT_TAG = 3

/** Texts share a string of at most so many bytes; src/sqlite/single.rs has the same. */
const MAX_SHARED = 512

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

/** The end of a text stands there once where bytes are code units, and otherwise twice: in bytes and in code units. */
function decodeTexts(kind, bytes, rows) {
  const ends = new Uint32Array(bytes.buffer, bytes.byteOffset, kind === ASCII ? rows : 2 * rows)
  const texts = bytes.subarray(ends.byteLength)
  return kind === ASCII
    ? cutTexts(ends, 1, (start, end) => texts.latin1Slice(start, end))
    : cutTexts(ends, 2, (start, end) => texts.utf8Slice(start, end))
}

/**
 * Cuts texts out of strings that several of them share: a string made for each takes several times as long. The engine keeps
 * the whole string alive as long as one of the texts, so it is short, and a long text has one of its own.
 */
function cutTexts(ends, width, sliceOf) {
  const count = ends.length / width
  const texts = new Array(count)
  for (let n = 0, byte = 0, unit = 0; n < count;) {
    let next = n + 1
    while (next < count && ends[width * next] - byte <= MAX_SHARED) next++
    const end = ends[width * (next - 1)]
    const shared = sliceOf(byte, end)
    for (const first = unit; n < next; n++) {
      const stop = ends[width * n + width - 1]
      texts[n] = shared.slice(unit - first, stop - first)
      unit = stop
    }
    byte = end
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
  const texts = cutTexts(endsOfTexts(bytes, ends, rows), 2, (start, end) =>
    bytes.utf8Slice(textsAt + start, textsAt + end)
  )
  const values = new Array(rows)
  for (let n = 0, text = 0, blobStart = blobsAt; n < rows; n++) {
    const tag = bytes[n]
    if (tag === NULL) values[n] = null
    else if (tag === NUMBER) values[n] = numbers[n]
    else if (tag === INTEGER) values[n] = integers[n]
    else if (tag === TEXT_TAG) values[n] = texts[text++]
    else {
      const end = blobsAt + ends[2 * n]
      values[n] = copyOf(bytes, blobStart, end)
      blobStart = end
    }
  }
  return values
}

/** The ends of those values of a mixed column that are texts. */
function endsOfTexts(tags, ends, rows) {
  const found = new Uint32Array(2 * rows)
  let count = 0
  for (let n = 0; n < rows; n++) {
    if (tags[n] !== TEXT_TAG) continue
    found[count++] = ends[2 * n]
    found[count++] = ends[2 * n + 1]
  }
  return found.subarray(0, count)
}

/** With memory of its own: who keeps a blob does not keep the chunk. */
function copyOf(bytes, start, end) {
  const blob = withMemory(() => Buffer.allocUnsafeSlow(end - start))
  bytes.copy(blob, 0, start, end)
  return blob
}

module.exports = { countOf, decode }
