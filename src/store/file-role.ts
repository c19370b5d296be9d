// What a file in the directory of a database is, by its name.

import { LOCK_NAME } from '../env/lock-file.js'
import { NEW_SUPERBLOCK_NAME, SUPERBLOCK_NAME } from '../lsm/superblock.js'
import { RESERVE_NAME } from './reserve.js'

export type FileRole = 'superblock' | 'manifest' | 'log' | 'sstable' | 'lock' | 'reserve' | 'spare'

const ROLE_OF_ENDING: Readonly<Record<string, FileRole>> = {
  manifest: 'manifest',
  wal: 'log',
  spare: 'spare',
  sst: 'sstable',
}

/** Undefined for names that no version of ours gives. */
export function fileRoleOf(name: string): FileRole | undefined {
  if (name === SUPERBLOCK_NAME || name === NEW_SUPERBLOCK_NAME) return 'superblock'
  if (name === LOCK_NAME) return 'lock'
  if (name === RESERVE_NAME) return 'reserve'
  return ROLE_OF_ENDING[/^\d{6,}\.(\w+)$/.exec(name)?.[1] ?? '']
}
