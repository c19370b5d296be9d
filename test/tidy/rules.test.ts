// Each rule is shown a bad sample and must complain, and a good one and must not.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

import { apiPage } from '../../scripts/api-page.mjs'
import { exportedNames } from '../../scripts/declarations.mjs'
import {
  errorsPage,
  formatPagePath,
  headOf,
  isSpecification,
} from '../../scripts/generate-docs.mjs'
import {
  commandComplaints,
  formatHeadComplaints,
  gapComplaints,
  staleDocComplaints,
  undescribedNames,
  unprovokedCodes,
} from './catalogue.js'
import { cycleComplaints, deadFileComplaints, floorComplaints } from './layering.js'
import {
  fileNameComplaints,
  machinePathComplaints,
  outsideWorldComplaints,
  sizeComplaints,
  typeNameComplaints,
  wordComplaints,
} from './naming.js'
import {
  absentEntries,
  dependencyComplaints,
  entryFiles,
  exampleComplaints,
  exportsMapComplaints,
  unusedDependencies,
} from './packaging.js'
import { Project } from './project.js'
import { codeOnly, importsOf } from './source.js'

/** The page of an entry with these declarations. */
function apiPageOf(files: Record<string, string[]>): string {
  const dist = mkdtempSync(join(tmpdir(), 'tabularium-api-'))
  try {
    for (const [name, lines] of Object.entries(files)) {
      writeFileSync(join(dist, name), `${lines.join('\n')}\n`)
    }
    return apiPage(dist, '')
  } finally {
    rmSync(dist, { recursive: true })
  }
}

const project = (files: Record<string, string>) => new Project(Object.entries(files))

describe('source', () => {
  it('blanks comments, strings, regular expressions and template text, and keeps places', () => {
    const text = [
      "const a = 'page' // page",
      'const b = `page ${page + `x${page}`} page`',
      'const c = /page[/]/.test(d) ? 1 / page : 2 /* page',
      "page */ const e = \"it's\" + 'don\\'t' + page",
    ].join('\n')
    const code = codeOnly(text)
    expect(code).toHaveLength(text.length)
    expect(code.match(/page/g)).toHaveLength(4)
    expect(code).toContain('1 / page : 2')
    expect(code.split('\n')).toHaveLength(4)
  })

  it('finds every form of import and nothing in strings and comments', () => {
    const text = [
      "import a from './a.js'",
      "import type {\n  B,\n} from './b.js'",
      "import './c.js'",
      "export { d } from './d.js'",
      "const e = await import('./e.js')",
      "const f = new URL('./f.js', import.meta.url)",
      "const g = new URL('./g.js', base)",
      "// import './h.js'",
      'const sql = "select a from \'t\'"',
    ].join('\n')
    expect(importsOf(text).map(({ specifier }) => specifier)).toEqual([
      './a.js',
      './b.js',
      './c.js',
      './d.js',
      './e.js',
      './f.js',
    ])
    expect(importsOf(text)[2]?.line).toBe(5)
  })
})

describe('floors', () => {
  it.each([
    ['src/wal/reader.ts', '../lsm/tablet.js', 'up'],
    ['src/codec/frame.ts', '../env/env.js', 'to the right'],
    ['src/lsm/tablet.ts', '../store/store.js', 'to the right, same floor'],
    ['src/db/database.ts', '../index.js', 'the entry from inside'],
    ['src/connect/kafka.ts', '../db/open.js', 'internals from an adapter'],
    ['src/base/errors.ts', '../../test/tidy.js', 'outside'],
  ])('complain about %s importing %s (%s)', (path, specifier) => {
    const complaints = floorComplaints(project({ [path]: `import { a } from '${specifier}'` }))
    expect(complaints).toHaveLength(1)
    expect(complaints[0]).toContain(`${path}:1`)
  })

  it('complain about rooms that are not in the house', () => {
    expect(floorComplaints(project({ 'src/things/a.ts': '' }))).toHaveLength(1)
    expect(floorComplaints(project({ 'src/loose.ts': '' }))).toHaveLength(1)
  })

  it('accept down, left and the own folder', () => {
    const files = {
      'src/store/store.ts':
        "import '../lsm/tablet.js'\nimport './view.js'\nimport '../base/ids.js'",
      'src/index.ts': "export { open } from './db/open.js'",
      'src/cli/main.ts': "import '../index.js'\nimport '../wal/reader.js'",
      'src/connect/kafka.ts': "import '../index.js'",
    }
    expect(floorComplaints(project(files))).toEqual([])
  })
})

describe('cycles and dead files', () => {
  const files = {
    'src/index.ts': "export { a } from './db/a.js'",
    'src/db/a.ts': "import { b } from './b.js'\nnew URL('../lsm/job.js', import.meta.url)",
    'src/db/b.ts': "import type { A } from './a.js'",
    'src/lsm/job.ts': '',
    'src/lsm/forgotten.ts': "import './job.js'",
  }

  it('complain about a cycle with its path', () => {
    expect(cycleComplaints(project(files))).toEqual([
      expect.stringContaining('src/db/a.ts -> src/db/b.ts -> src/db/a.ts'),
    ])
    expect(cycleComplaints(project({ ...files, 'src/db/b.ts': '' }))).toEqual([])
  })

  it('complain about what no entry reaches', () => {
    expect(deadFileComplaints(project(files), ['src/index.ts'])).toEqual([
      expect.stringContaining('src/lsm/forgotten.ts'),
    ])
  })
})

describe('names and sizes', () => {
  it('complain about long files, tables excepted', () => {
    const lines = (count: number) => 'x\n'.repeat(count)
    expect(sizeComplaints(project({ 'src/db/a.ts': lines(500) }))).toEqual([])
    expect(sizeComplaints(project({ 'src/db/a.ts': lines(501) }))).toHaveLength(1)
    expect(sizeComplaints(project({ 'test/a.test.ts': lines(501) }))).toHaveLength(1)
    expect(sizeComplaints(project({ 'src/db/a-table.ts': lines(501) }))).toEqual([])
  })

  it.each([
    'src/db/utils.ts',
    'src/db/row-helper.ts',
    'src/common/row.ts',
    'src/db/index.ts',
    'src/db/rowReader.ts',
    'src/db/row_reader.ts',
  ])('complain about the file name %s', (path) => {
    expect(fileNameComplaints(project({ [path]: '' }))).toHaveLength(1)
  })

  it('accept nouns', () => {
    const files = { 'src/index.ts': '', 'src/db/row-reader.ts': '', 'test/a.long.test.ts': '' }
    expect(fileNameComplaints(project(files))).toEqual([])
  })

  it.each(['pageBytes', 'PAGE_BYTES', 'readPages', 'bloomFilter', 'shardOf', 'walSegment', 'LSN'])(
    'complain about the identifier %s',
    (identifier) => {
      const files = { 'src/wal/reader.ts': `export const ${identifier} = 1` }
      expect(wordComplaints(project(files))).toHaveLength(1)
    },
  )

  it('leave strings, comments and other words alone', () => {
    const text = "// a page\nconst pageant = 'page'\nconst segmenter = new Intl.Segmenter()"
    expect(wordComplaints(project({ 'src/db/a.ts': text }))).toEqual([])
    expect(wordComplaints(project({ 'src/columnar/segment.ts': 'const segment = 1' }))).toEqual([])
    expect(wordComplaints(project({ 'src/columnar/a.ts': 'const chunks = 1' }))).toHaveLength(1)
    expect(wordComplaints(project({ 'src/lsm/a.ts': 'const chunks = 1' }))).toEqual([])
  })

  it('complain about classes that manage and interfaces with an I', () => {
    const text =
      'class FileManager {}\ninterface IFileSystem {}\nclass Index {}\ninterface Image {}'
    expect(typeNameComplaints(project({ 'src/db/a.ts': text }))).toHaveLength(2)
  })
})

describe('outside world', () => {
  it.each([
    'Date.now()',
    'new Date()',
    'const d = new Date',
    'Math.random()',
    'setTimeout(f, 1)',
    'setImmediate(f)',
    'performance.now()',
    'process.hrtime.bigint()',
    "import { readFileSync } from 'node:fs'",
    "import { open } from 'node:fs/promises'",
    "import { Worker } from 'node:worker_threads'",
    "const { randomUUID } = require('node:crypto')",
    "import Piscina from 'piscina'",
  ])('complain about %s outside env/', (text) => {
    expect(outsideWorldComplaints(project({ 'src/db/a.ts': text }))).toHaveLength(1)
    expect(outsideWorldComplaints(project({ 'src/env/a.ts': text }))).toEqual([])
  })

  it('accept dates made from numbers', () => {
    const text = 'const a = new Date(micros / 1000)\nconst b = env.clock.wallMicros()'
    expect(outsideWorldComplaints(project({ 'src/db/a.ts': text }))).toEqual([])
  })

  it('complain about machine paths and about looking outside the repository', () => {
    const home = '/home/somebody/data'
    expect(machinePathComplaints(project({ 'docs/a.md': `see ${home}` }))).toHaveLength(1)
    expect(machinePathComplaints(project({ 'src/db/a.ts': "'../shared/a'" }))).toHaveLength(1)
    expect(machinePathComplaints(project({ 'test/a.test.ts': "'../shared/a'" }))).toEqual([])
    const relative = `${['db', 'work', 'x'].join('/')} and ./home/y`
    expect(machinePathComplaints(project({ 'docs/a.md': relative }))).toEqual([])
  })
})

describe('package', () => {
  const pack = (content: object) => ({ 'package.json': JSON.stringify(content) })

  it('complain about imports without a dependency, loose versions and bare built-ins', () => {
    const files = {
      ...pack({ dependencies: { msgpackr: '^2.1.3' } }),
      'src/db/a.ts': "import 'msgpackr/pack'\nimport 'lodash'\nimport 'zlib'\nimport 'node:zlib'",
    }
    expect(dependencyComplaints(project(files))).toEqual([
      expect.stringContaining('lodash'),
      expect.stringContaining('node:zlib'),
      expect.stringContaining('pin one version'),
    ])
  })

  it('take optional peers in connect/ only', () => {
    const meta = { peerDependencies: { ws: '8' }, peerDependenciesMeta: { ws: { optional: true } } }
    const inConnect = { ...pack(meta), 'src/connect/ws.ts': "import 'ws'" }
    expect(dependencyComplaints(project(inConnect))).toEqual([])
    const inDb = { ...pack(meta), 'src/db/ws.ts': "import 'ws'" }
    expect(dependencyComplaints(project(inDb))).toHaveLength(1)
    const required = {
      ...pack({ peerDependencies: { ws: '8' } }),
      'src/connect/ws.ts': "import 'ws'",
    }
    expect(dependencyComplaints(project(required))).toHaveLength(1)
  })

  it('find dependencies that nothing imports and entries that are not there', () => {
    const content = {
      dependencies: { piscina: '5.3.2' },
      exports: { '.': { types: './dist/index.d.ts', default: './dist/index.js' } },
      bin: { tabularium: './dist/cli/main.js' },
    }
    const files = project({ ...pack(content), 'src/index.ts': '' })
    expect(unusedDependencies(files)).toEqual(['piscina'])
    expect(entryFiles(files)).toEqual(['src/index.ts', 'src/cli/main.ts'])
    expect(absentEntries(files)).toEqual(['src/cli/main.ts'])
  })

  it('complain about wildcards, types that do not come first, star and default exports', () => {
    const exports = {
      './x/*': './dist/x/*.js',
      '.': { default: './dist/index.js', types: './dist/index.d.ts' },
    }
    const files = {
      ...pack({ exports }),
      'src/db/a.ts': "export * from './b.js'\nexport default 1",
    }
    expect(exportsMapComplaints(project(files))).toHaveLength(5)
  })

  it('complain about examples that reach inside', () => {
    const inside = { 'examples/demo/src/a.ts': "import '../../../dist/db/open.js'" }
    expect(exampleComplaints(project(inside))).toHaveLength(1)
    const outside = {
      'examples/demo/src/a.ts': "import { open } from 'tabularium'\nimport './b.js'",
    }
    expect(exampleComplaints(project(outside))).toEqual([])
  })
})

describe('documents', () => {
  it('find error codes that no test names', () => {
    const files = project({
      'test/unit/a.test.ts': "expect(code).toBe('DISK_FULL')",
      'test/tidy/rules.test.ts': "'DB_LOCKED'",
    })
    expect(unprovokedCodes(files, ['DISK_FULL', 'DISK', 'DB_LOCKED'])).toEqual([
      'DISK',
      'DB_LOCKED',
    ])
  })

  it('let the list of known gaps only shrink', () => {
    expect(gapComplaints(['a'], ['a'], 'do it')).toEqual([])
    expect(gapComplaints(['a', 'b'], ['a'], 'do it')).toEqual(['b: do it'])
    expect(gapComplaints([], ['a'], 'do it')).toEqual([expect.stringContaining('remove it')])
  })

  it('complain about pages that are missing, stale or left over', () => {
    const files = project({ 'docs/errors.md': 'old', 'docs/formats/gone.md': '' })
    const generated = new Map([
      ['docs/errors.md', 'new'],
      ['docs/options.md', ''],
    ])
    expect(staleDocComplaints(files, generated)).toEqual([
      expect.stringContaining('stale'),
      expect.stringContaining('missing'),
      expect.stringContaining('describes no format'),
    ])
  })

  it('complain about format files without a specification', () => {
    const files = project({ 'src/wal/format.ts': '// A file.', 'src/store/commit-format.ts': '' })
    const generated = new Map([['docs/formats/wal.md', '# Format: `src/wal/format.ts`']])
    expect(formatHeadComplaints(files, generated)).toEqual([
      expect.stringContaining('src/store/commit-format.ts'),
    ])
  })

  it('complain about a README without its two commands, and about CI that runs another one', () => {
    const readme = '```sh\nnpm ci && npm run demo   # 1\nnpm ci && npm test       # 2\n```\n'
    const run = 'npm ci && npm test\n'
    const good = { 'README.md': readme, '.ci/run': run }
    expect(commandComplaints(project(good))).toEqual([])
    expect(commandComplaints(project({ ...good, '.ci/run': 'npm test' }))).toHaveLength(1)
    expect(commandComplaints(project({ ...good, 'README.md': '# 1\n' }))).toHaveLength(1)
  })
})

describe('generated pages', () => {
  it('take a specification word for word', () => {
    const text = '// A file.\n//\n//   offset  bytes\n//\n// Valid: always\n// Compat: never\n\nx'
    expect(headOf(text)).toBe('A file.\n\n  offset  bytes\n\nValid: always\nCompat: never')
    expect(isSpecification(headOf(text))).toBe(true)
    expect(isSpecification('A file.\nValid: always')).toBe(false)
    expect(formatPagePath('src/wal/format.ts')).toBe('docs/formats/wal.md')
    expect(formatPagePath('src/store/commit-format.ts')).toBe('docs/formats/store-commit.md')
    expect(formatPagePath('src/codec/frame.ts')).toBe('docs/formats/codec-frame.md')
  })

  it('list exported names with what they are', () => {
    const text = [
      "export { open, type Database } from './db/open.js'",
      "export type { Row as TableRow } from './catalog/table.js'",
      'export const VERSION = 1',
    ].join('\n')
    expect(exportedNames(text).map(({ name }) => name)).toEqual([
      'Database',
      'TableRow',
      'VERSION',
      'open',
    ])
  })

  it('give public names their members, those of hidden bases and those of data inside', () => {
    const page = apiPageOf({
      'index.d.ts': [
        "export { Shop } from './shop.js'",
        "export type { Bare, Moment } from './shop.js'",
        '/** Opens. @throws SHOP_CLOSED when it is too late */',
        'export declare function open(path: string): Promise<Shop>',
      ],
      'shop.d.ts': [
        "import { Base } from './base.js'",
        '/** A place. More of it. */',
        'export declare class Shop extends Base {',
        '    #private;',
        '    protected till(): void;',
        '    constructor(name: string);',
        '    /** How many | there are. */',
        '    get count(): number;',
        '    set count(count: number);',
        '    readonly owner: Person;',
        '    /**',
        '     * Closes it,',
        '     * at once.',
        '     *',
        '     * @param why  for the door',
        '     * @example',
        '     * shop.close()',
        '     */',
        '    close(why: string, options?: {',
        '        readonly quietly?: boolean;',
        '    }): void;',
        '}',
        '/** Who it is. */',
        'interface Person {',
        '    readonly name: string;',
        '}',
        'export type Moment = Date | string;',
        'export interface Bare {',
        '}',
      ],
      'base.d.ts': [
        'export declare class Base {',
        '    close(): void;',
        '    /** Of the base. */',
        '    tell(): string;',
        '}',
      ],
    })
    expect(page.slice(page.indexOf('| name |')).trimEnd().split('\n')).toEqual([
      '| name | what it is |',
      '|---|---|',
      '| `Bare` | interface |',
      '| `Moment` | type `Date \\| string` |',
      '| [`Shop`](#shop) | class. A place. |',
      '| [`open`](#open) | function. Opens. |',
      '',
      '### Shop',
      '',
      '`class Shop extends Base`. A place. More of it.',
      '',
      '- `constructor(name: string)`',
      '- `count: number`: How many | there are.',
      '- `owner: Person`: Who it is.',
      '  - `name: string`',
      '- `close(why: string, options?: { readonly quietly?: boolean }): void`: Closes it, at once. `why`: for the door.',
      '- `tell(): string`: Of the base.',
      '',
      '### open',
      '',
      '- `open(path: string): Promise<Shop>`: Opens. Throws `SHOP_CLOSED` when it is too late.',
    ])
    expect(undescribedNames(page)).toEqual(['Bare', 'Moment'])
  })

  it('group error codes by what the caller can do', () => {
    const row = { kind: 'conflict', meaning: 'Changed.', advice: 'Again.' }
    const page = errorsPage({ TXN_CONFLICT: row })
    expect(page).toContain('## conflict: retry the transaction')
    expect(page).toContain('| `TXN_CONFLICT` | Changed. | Again. |')
    expect(page).not.toContain('## invalid')
  })
})
