// Who writes the files of an opening: what their headers say, and how its manifest is written.

import { DATABASE_ID_BYTES, INCARNATION_BYTES } from '../codec/file-header.js'
import type { DirectoryLock } from '../env/directory-lock.js'
import type { Env } from '../env/env.js'
import type { StoreOptions } from './store-options.js'

/** What files of this opening carry in their headers. */
export interface WriterIdentity {
  readonly databaseId: Uint8Array
  readonly incarnation: Uint8Array
  readonly transformId: number
}

/** What a new opening of a database, or a new database, writes into its files. */
export function newIdentity(
  options: StoreOptions,
  env: Env,
  databaseId?: Uint8Array,
): WriterIdentity {
  return {
    databaseId: databaseId ?? env.random.bytes(DATABASE_ID_BYTES),
    incarnation: env.random.bytes(INCARNATION_BYTES),
    transformId: options.transform.id,
  }
}

/** How a manifest is written in the directory of the options. */
export function manifestOptions(
  options: StoreOptions,
  env: Env,
  identity: WriterIdentity,
  lock: DirectoryLock,
) {
  return {
    fs: env.fs,
    directory: options.path,
    databaseId: identity.databaseId,
    incarnation: identity.incarnation,
    randomUint32: () => randomUint32(env),
    fileBytes: options.manifestFileBytes,
    isLockHeld: () => lock.isHeld(),
  }
}

export function randomUint32(env: Env): number {
  return new DataView(env.random.bytes(4).slice().buffer).getUint32(0, true)
}
