import type { EventSource } from '../base/events.js'
import type { Env } from '../env/env.js'

/**
 * Removes sstables that no version names any more, one after the other and off the thread: the system may take ten
 * milliseconds to free a large file, and a compaction leaves dozens.
 */
export class FileRemovals {
  readonly #env: Env
  readonly #events: EventSource
  readonly #paths: string[] = []
  #work: Promise<void> | undefined

  constructor(env: Env, events: EventSource) {
    this.#env = env
    this.#events = events
  }

  add(path: string): void {
    this.#paths.push(path)
    this.#work ??= this.#run()
  }

  /** Resolves when all that was added is done. */
  async settle(): Promise<void> {
    await this.#work
  }

  async #run(): Promise<void> {
    const { fs } = this.#env
    for (let path = this.#paths.shift(); path !== undefined; path = this.#paths.shift()) {
      try {
        await fs.removeAsync(path)
      } catch (error) {
        // No version names it: the next opening removes it.
        this.#events.emit('error', { where: 'removal of an sstable', error })
      }
    }
    this.#work = undefined
  }
}
