// What tests of manifests and jobs share: a seeded source of chance and the options of one opening.

import { MemoryFileSystem } from '../../../dist/env/memory-file-system.js'
import type { ManifestOptions } from '../../../dist/lsm/manifest.js'
import { tabletIdOf } from './table-metas.js'

export const DIRECTORY = '/db'
export const DATABASE_ID: Uint8Array = new Uint8Array(16).fill(7)
export const TABLETS = [
  { tabletId: tabletIdOf(1), hashStart: 0, hashEnd: 2 ** 31 },
  { tabletId: tabletIdOf(2), hashStart: 2 ** 31, hashEnd: 2 ** 32 },
]

export function newFileSystem(): MemoryFileSystem {
  const fs = new MemoryFileSystem()
  fs.makeDirectory(DIRECTORY)
  return fs
}

/** @see mulberry32, public domain */
export function chanceOf(seed: number): { float(): number } {
  let state = seed
  return {
    float() {
      state = (state + 0x6d2b79f5) | 0
      let t = Math.imul(state ^ (state >>> 15), 1 | state)
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
      return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
    },
  }
}

export function optionsOf(fs: MemoryFileSystem, seed = 1): ManifestOptions {
  const chance = chanceOf(seed)
  return {
    fs,
    directory: DIRECTORY,
    databaseId: DATABASE_ID,
    incarnation: new Uint8Array(8).fill(seed),
    randomUint32: () => Math.floor(chance.float() * 2 ** 32),
  }
}
