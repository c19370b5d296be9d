import type { SimulatedClock } from '../../dist/env/clock.js'
import { MemoryFileSystem } from '../../dist/testing.js'

/** Syncs of its log wait for `answer`. */
export class HangingFileSystem extends MemoryFileSystem {
  answer: Promise<void> = Promise.resolve()

  override open(...[path, mode]: Parameters<MemoryFileSystem['open']>) {
    const file = super.open(path, mode)
    if (!path.endsWith('.wal')) return file
    const sync = file.sync.bind(file)
    file.sync = async () => {
      await this.answer
      await sync()
    }
    return file
  }
}

/** Who commits again at once has his sync on the thread, where it cannot wait. After a pause he has not. */
export function pause(clock: SimulatedClock): void {
  clock.advance(1)
}
