import type { EventSource } from '../base/events.js'
import type { FileSystem } from '../env/file-system.js'

/**
 * Removes sstables that no version names any more, behind everybody's back: freeing a large file takes the system long. One at a
 * time, because syncs of the log wait for the same few threads.
 */
export class FileRemovals {
  readonly #fs: FileSystem
  readonly #events: EventSource
  #last: Promise<void> = Promise.resolve()
  #isClosed = false

  constructor(fs: FileSystem, events: EventSource) {
    this.#fs = fs
    this.#events = events
  }

  /** A file that cannot be removed stays as a leftover, which the next open removes; an `error` event tells. */
  add(path: string): void {
    // The directory may be somebody else's by now.
    if (this.#isClosed) return
    this.#last = this.#last.then(() => this.#remove(path))
  }

  /** Resolves when all that was added is done. Nothing is removed afterwards. */
  close(): Promise<void> {
    this.#isClosed = true
    return this.#last
  }

  async #remove(path: string): Promise<void> {
    try {
      await this.#fs.removeOffThread(path)
    } catch (error) {
      this.#events.emit('error', { where: 'removal of an sstable', error })
    }
  }
}
