// @ts-check
// Joins the built modules that are loaded together into one file each: dist/engine.js, which opening a database needs, and
// dist/sql.js. To find, read and link a file takes the runtime about as long as to compile it; there were two hundred. Run
// by `npm run build`, behind the compiler; takes the folder of another build as its argument. The measurement is in
// docs/decisions/0012-modules-are-joined.md.
//
// Each module becomes a function that is called once and returns what the module exports, in the order in which they would
// have run; none imports in a circle. Its file stays and passes on what the joined one has, so whoever imports it gets the
// same classes. What is imported only when it is needed stays as it is.
//
// Lines stay lines: the map of a joined file is made of the maps of its modules, and stack traces lead into src/.

import { readFileSync, writeFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'

const DIST = process.argv[2] ?? fileURLToPath(new URL('../dist', import.meta.url))

/** Where something begins; what lies in an earlier file is taken from there. */
const JOINED = [
  { file: 'engine.js', entries: ['index.js', 'lsm/job-worker.js'] },
  { file: 'sql.js', entries: ['query/execute.js'] },
]

/**
 * Modules of the runtime are required. An import makes a namespace of all that one exports, which loads what is only there on
 * demand: streams for the sake of `fs`, Web Crypto for `crypto`.
 */
const REQUIRE = [
  "import { createRequire as $createRequire } from 'node:module';",
  'const $require = $createRequire(import.meta.url);',
]

const IMPORT = /^import (?:\{([^}]*)\}|\* as (\w+)) from '([^']+)';$/gm
const EXPORT = /^export (?=(?:async )?(?:function\*?|class|const) (\w+))/gm
const EXPORT_LIST = /^export \{([^}]*)\}(?: from '([^']+)')?;$/gm

/**
 * @typedef {object} Module
 * @property {string} name  path below dist/
 * @property {string} variable  what it is called in the joined file
 * @property {string} body
 * @property {string[]} exports
 * @property {string} file  the joined file that it is part of
 */

/** @type {Map<string, Module>} */
const modules = new Map()

for (const { file, entries } of JOINED) {
  /** What the file takes from elsewhere, a line for each. @type {Set<string>} */
  const imports = new Set(REQUIRE)
  for (const entry of entries) load(entry, file, imports)
  write(file, imports)
}

/** @param {string} name @param {string} file @param {Set<string>} imports @returns {string} the variable */
function load(name, file, imports) {
  const known = modules.get(name)
  if (known !== undefined) {
    if (known.file !== file) imports.add(`import { ${known.variable} } from './${known.file}';`)
    return known.variable
  }
  /** @param {string} specifier */
  const variableOf = (specifier) => {
    if (specifier.startsWith('.')) return load(placeOf(name, specifier), file, imports)
    const variable = variableNamed(specifier)
    imports.add(`const ${variable} = $require('${specifier}');`)
    return variable
  }
  /** @type {string[]} */
  const exports = []
  const body = readFileSync(join(DIST, name), 'utf8')
    .replace(IMPORT, (_, names, namespace, specifier) => {
      const what = namespace ?? `{${names.replaceAll(' as ', ': ')}}`
      return `const ${what} = ${variableOf(specifier)};`
    })
    .replace(EXPORT, (_, exported) => {
      exports.push(exported)
      return ''
    })
    .replace(EXPORT_LIST, (_, list, specifier) => {
      exports.push(...list.split(',').flatMap((/** @type {string} */ each) => each.trim() || []))
      return specifier === undefined ? '' : `const {${list}} = ${variableOf(specifier)};`
    })
    .replace(
      /\bimport\('(\.[^']+)'\)/g,
      (_, specifier) => `import('./${placeOf(name, specifier)}')`,
    )
    .replaceAll('import.meta.url', `new URL('./${name}', import.meta.url).href`)
    .replace(/\n\/\/# sourceMappingURL=.*\n?$/, '')
  const left = /^(?:import|export)\b.*/m.exec(body)
  if (left !== null) throw new Error(`${name} cannot be joined with others: ${left[0]}`)
  const variable = variableNamed(name.replace(/\.js$/, ''))
  modules.set(name, { name, variable, body, exports, file })
  return variable
}

/** @param {string} name */
function variableNamed(name) {
  return `$${name.replace(/\W/g, '_')}`
}

/** @param {string} name @param {string} specifier */
function placeOf(name, specifier) {
  return posix.join(posix.dirname(name), specifier)
}

/** @param {string} file @param {Set<string>} imports */
function write(file, imports) {
  const parts = [...imports, '']
  let line = imports.size
  const sections = []
  const joined = [...modules.values()].filter((module) => module.file === file)
  for (const { name, variable, body, exports } of joined) {
    const map = JSON.parse(readFileSync(join(DIST, `${name}.map`), 'utf8'))
    const sources = map.sources.map((/** @type {string} */ source) => placeOf(name, source))
    sections.push({ offset: { line: line + 1, column: 0 }, map: { ...map, sources } })
    const end = `return { ${exports.join(', ')} };\n})();`
    parts.splice(-1, 0, `export const ${variable} = (() => { // ${name}\n${body}\n${end}`)
    line += body.split('\n').length + 3
  }
  writeFileSync(join(DIST, file), `${parts.join('\n')}//# sourceMappingURL=${file}.map\n`)
  writeFileSync(
    join(DIST, `${file}.map`),
    JSON.stringify({ version: 3, file, sources: [], sections }),
  )
  for (const module of joined) pass(module)
}

/** The module's own file from now on. @param {Module} module */
function pass({ name, variable, exports, file }) {
  const path = posix.relative(posix.dirname(name), file)
  const specifier = path.startsWith('.') ? path : `./${path}`
  const passed =
    exports.length === 0 ? '' : `export const { ${exports.join(', ')} } = ${variable};\n`
  writeFileSync(join(DIST, name), `import { ${variable} } from '${specifier}';\n${passed}`)
}
