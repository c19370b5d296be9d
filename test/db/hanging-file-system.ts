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
