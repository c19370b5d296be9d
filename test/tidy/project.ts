// The project as the rules see it: paths with their texts. Rules are functions of this and return complaints, so they can
// be shown bad samples.

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { codeOnly } from './source.js'

export const PROJECT_ROOT = fileURLToPath(new URL('../..', import.meta.url))

const ROOTS = ['src', 'test', 'bench', 'examples', 'scripts', 'docs', '.ci']
const ROOT_FILES = ['package.json', 'README.md', 'CHANGELOG.md', 'vitest.config.ts']
const SKIPPED_FOLDERS = new Set(['node_modules', 'dist', 'out', 'data'])
const TEXT = /\.(ts|mjs|js|json|md|txt)$|^\.ci\/run$/

export class Project {
  readonly files: ReadonlyMap<string, string>
  readonly #code = new Map<string, string>()

  constructor(files: Iterable<readonly [string, string]>) {
    this.files = new Map(files)
  }

  /** Paths below a folder with one of the endings, sorted. */
  paths(folder: string, ...endings: readonly string[]): string[] {
    return [...this.files.keys()]
      .filter((path) => path.startsWith(`${folder}/`))
      .filter((path) => endings.length === 0 || endings.some((ending) => path.endsWith(ending)))
      .sort()
  }

  text(path: string): string {
    return this.files.get(path) ?? ''
  }

  /** The text without comments and literals. */
  code(path: string): string {
    let code = this.#code.get(path)
    if (code === undefined) {
      code = codeOnly(this.text(path))
      this.#code.set(path, code)
    }
    return code
  }
}

/** Reads the project from disk. */
export function readProject(root: string = PROJECT_ROOT): Project {
  const paths = ROOT_FILES.filter((path) => isThere(join(root, path)))
  for (const folder of ROOTS) if (isThere(join(root, folder))) collect(root, folder, paths)
  return new Project(paths.map((path) => [path, readFileSync(join(root, path), 'utf8')]))
}

function collect(root: string, folder: string, paths: string[]): void {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) {
      if (!SKIPPED_FOLDERS.has(entry.name)) collect(root, path, paths)
    } else if (TEXT.test(path)) {
      paths.push(path)
    }
  }
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}
