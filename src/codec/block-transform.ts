// The hook through which encryption will enter: every block of every tenant passes here between compression and
// checksum, so checksums cover what lies on disk and scrub needs no keys. Declared here, implemented in security/,
// handed down by db/open.ts. Today only the identity exists.

import type { FileId, TenantId } from '../base/ids.js'

/** Where a block lives: what an authenticated cipher must bind the block to. */
export interface BlockPlace {
  readonly tenantId: TenantId
  readonly fileId: FileId
  /** Offset of the block in its file, in bytes. */
  readonly offsetBytes: number
}

export interface BlockTransform {
  /** 0 is the identity; stored in file headers. Others are reserved for ciphers. */
  readonly id: number
  /** Turns plain (compressed) bytes into what is stored. May return its argument. */
  seal(bytes: Uint8Array, place: BlockPlace): Uint8Array
  /** Turns stored bytes back. May return its argument. */
  open(bytes: Uint8Array, place: BlockPlace): Uint8Array
}

export const IDENTITY_TRANSFORM: BlockTransform = {
  id: 0,
  seal: (bytes) => bytes,
  open: (bytes) => bytes,
}
