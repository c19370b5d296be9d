// The tags of JSON values, which json.ts describes.

export const JSON_COMPACT_OLD = 4
export const JSON_COMPACT = 5
export const JSON_COMPACT_LATIN1 = 6
export const JSON_COMPACT_UTF8 = 7
/** From a form with a plain list to the same form with a packed one. */
export const JSON_PACKED = 3
export const JSON_COMPACT_LAST: number = JSON_COMPACT_UTF8 + JSON_PACKED

export const TAG_NULL = 0x00
export const TAG_FALSE = 0x01
export const TAG_TRUE = 0x02
export const TAG_FLOAT = 0x03
export const TAG_TEXT = 0x04
export const TAG_ARRAY = 0x05
/** In the oldest compact form only. */
export const TAG_NEW_SHAPE = 0x06
export const TAG_SHAPE = 0x07
export const TAG_INT = 0x08
export const TAG_HUNDREDTHS = 0x0a
export const TAG_TEN_THOUSANDTHS = 0x0c
/** Of the tags of numbers: the number is negative. */
export const NEGATIVE = 1
export const TAG_SMALL_INT = 0x20
export const TAG_SMALL_ARRAY = 0x40
export const TAG_SMALL_SHAPE = 0x60
export const SMALL_COUNT = 0x20
export const TAG_SHORT_TEXT = 0x80
/** Texts of up to so many bytes stand where they belong; above it in the part for texts. */
export const INLINE_TEXT_MAX_BYTES = 12
/** The longest text, in UTF-16 units, that a tag alone can tell. */
export const SHORT_TEXT_MAX_LENGTH = 0x7f
