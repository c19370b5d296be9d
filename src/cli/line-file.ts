import { MiB } from '../base/limits.js'
import type { File, FileSystem } from '../env/file-system.js'

const encoder = new TextEncoder()

/** A new text file, written in large pieces. Made with its first line. */
export class LineFile {
  lineCount = 0
  readonly #fs: FileSystem
  readonly #path: string
  #file: File | undefined
  #pending = ''
  #offsetBytes = 0

  constructor(fs: FileSystem, path: string) {
    this.#fs = fs
    this.#path = path
  }

  add(line: string): void {
    this.#pending += `${line}\n`
    this.lineCount++
    if (this.#pending.length > MiB) this.#write()
  }

  /** Makes everything durable. */
  close(): void {
    if (this.#pending !== '') this.#write()
    this.#file?.syncNow()
    this.#file?.close()
  }

  #write(): void {
    this.#file ??= this.#fs.open(this.#path, 'create')
    const bytes = encoder.encode(this.#pending)
    this.#file.write(bytes, this.#offsetBytes)
    this.#offsetBytes += bytes.length
    this.#pending = ''
  }
}
