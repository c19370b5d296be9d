// Modules that most processes never need are loaded when they are first asked for.

import { closeSync, openSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { errnoOf, fileError } from './file-error.js'

/** More than loading a module, and those that it imports, takes at once. */
const DESCRIPTOR_COUNT = 32

/**
 * A way to a module. What the runtime cannot read for want of file descriptors it never reads again in this process, so it is
 * asked only when there are some.
 *
 * @returns rejects with IO_FAILED where there are none; later it may go through
 * @example
 * const verifying = lateModule(() => import('./verify.js'))
 * const { verifyFiles } = await verifying()
 */
export function lateModule<Module>(load: () => Promise<Module>): () => Promise<Module> {
  let loaded: Promise<Module> | undefined
  return async () => {
    if (loaded === undefined) {
      assertDescriptors()
      loaded = load()
    }
    return loaded
  }
}

/** @throws IO_FAILED */
function assertDescriptors(): void {
  const path = fileURLToPath(import.meta.url)
  const fds: number[] = []
  try {
    while (fds.length < DESCRIPTOR_COUNT) fds.push(openSync(path, 'r'))
  } catch (error) {
    throw fileError(errnoOf(error), { path, syscall: 'open' }, error)
  } finally {
    for (const fd of fds) closeSync(fd)
  }
}
