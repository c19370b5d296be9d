// Values as people read them. Text from outside (names of tenants, values of rows) may hold anything: what could steer a
// terminal is written as an escape.

import { GiB, KiB, MiB } from '../base/limits.js'
import { describeValue } from '../base/options.js'
import { SETTINGS } from '../db/options.js'

/** Control and format characters, line separators, lone surrogates. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

/** The text on one line, fit for a terminal. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, escaped)
}

/** The same for text whose line breaks are meant. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n')
}

function escaped(character: string): string {
  if (character === '\n') return '\\n'
  if (character === '\t') return '\\t'
  const code = character.codePointAt(0)!
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`
  return `\\u{${code.toString(16)}}`
}

/** At most `maxCount` characters, the last an ellipsis where some are left out. */
export function shortened(text: string, maxCount: number): string {
  if (text.length <= maxCount) return text
  const characters = [...text]
  return characters.length <= maxCount ? text : `${characters.slice(0, maxCount - 1).join('')}…`
}

/** Bytes as text where they are ASCII, \xNN elsewhere. */
export function bytesAsText(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) {
    const isPlain = byte >= 0x20 && byte < 0x7f && byte !== 0x5c
    text += isPlain ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`
  }
  return text
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')
}

/** 1234567 -> 1,234,567 */
export function grouped(count: number): string {
  return count.toLocaleString('en-US')
}

/** 1 file, 2 files */
export function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`
}

/** 12.3 MiB; small figures to the byte. */
export function size(bytes: number): string {
  if (bytes < KiB) return counted(bytes, 'byte')
  if (bytes < MiB) return `${(bytes / KiB).toFixed(1)} KiB`
  if (bytes < GiB) return `${(bytes / MiB).toFixed(1)} MiB`
  return `${(bytes / GiB).toFixed(1)} GiB`
}

/** 90 d, 1 h, 250 ms: in the largest unit of which it is a whole number. */
export function duration(milliseconds: number): string {
  return describeValue(SETTINGS.historyWindowMs, milliseconds)
}

/** When a commit happened: a SeqNum is the time of its commit in Unix microseconds. */
export function timeOf(seqNum: number): string | undefined {
  const millis = Math.floor(seqNum / 1000)
  // Nothing is older than the format; Date ends earlier than SeqNums do.
  if (seqNum < 1e15 || millis > 8.64e15) return undefined
  const micros = String(seqNum % 1_000_000).padStart(6, '0')
  return `${new Date(millis).toISOString().slice(0, 19).replace('T', ' ')}.${micros} UTC`
}

/** A commit by its number, with its time. */
export function commit(seqNum: number): string {
  const time = timeOf(seqNum)
  return time === undefined ? (seqNum === 0 ? 'none' : String(seqNum)) : `${seqNum} (${time})`
}
