// The package: what it depends on, what it exports, and that the examples use it as a stranger would.

import { builtinModules } from 'node:module'

import type { Project } from './project.js'
import { importsOf } from './source.js'

interface PackageJson {
  readonly exports?: Readonly<Record<string, string | Readonly<Record<string, string>>>>
  readonly bin?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>
}

function readPackage(project: Project): PackageJson {
  return JSON.parse(project.text('package.json')) as PackageJson
}

/** Source files that the package starts at: `./dist/cli/main.js` -> `src/cli/main.ts`. */
export function entryFiles(project: Project): string[] {
  const { exports = {}, bin = {} } = readPackage(project)
  const targets = [...Object.values(exports), ...Object.values(bin)]
    .map((target) => (typeof target === 'string' ? target : (target['default'] ?? '')))
    .filter((target) => target.endsWith('.js'))
  return targets.map((target) => target.replace(/^\.\/dist\//, 'src/').replace(/\.js$/, '.ts'))
}

export function dependencyComplaints(project: Project): string[] {
  const { dependencies = {}, devDependencies = {}, ...meta } = readPackage(project)
  const complaints: string[] = []
  for (const path of project.paths('src', '.ts')) {
    for (const { specifier, line } of importsOf(project.text(path), project.code(path))) {
      if (specifier.startsWith('.') || specifier.startsWith('node:')) continue
      const name = packageOf(specifier)
      if (builtinModules.includes(name)) {
        complaints.push(`${path}:${line} imports ${name}: write node:${specifier}`)
      } else if (path.startsWith('src/connect/') && meta.peerDependencies?.[name] !== undefined) {
        if (meta.peerDependenciesMeta?.[name]?.optional !== true) {
          complaints.push(`${name} is a peer of src/connect/ but not marked optional`)
        }
      } else if (dependencies[name] === undefined) {
        complaints.push(`${path}:${line} imports ${name}, which is not in dependencies`)
      }
    }
  }
  for (const [name, range] of Object.entries({ ...dependencies, ...devDependencies })) {
    if (!/^\d+\.\d+\.\d+$/.test(range)) complaints.push(`${name}: pin one version, not '${range}'`)
  }
  return complaints
}

export function unusedDependencies(project: Project): string[] {
  const used = new Set<string>()
  for (const path of project.paths('src', '.ts')) {
    for (const { specifier } of importsOf(project.text(path), project.code(path))) {
      used.add(packageOf(specifier))
    }
  }
  return Object.keys(readPackage(project).dependencies ?? {}).filter((name) => !used.has(name))
}

export function absentEntries(project: Project): string[] {
  return entryFiles(project).filter((entry) => !project.files.has(entry))
}

export function exportsMapComplaints(project: Project): string[] {
  const complaints: string[] = []
  for (const [subpath, target] of Object.entries(readPackage(project).exports ?? {})) {
    if (subpath.includes('*')) complaints.push(`exports '${subpath}': name each subpath`)
    if (typeof target === 'string') {
      if (target.includes('*')) complaints.push(`exports '${subpath}': name each file`)
    } else if (Object.keys(target)[0] !== 'types') {
      complaints.push(`exports '${subpath}': 'types' must come first`)
    }
  }
  for (const path of project.paths('src', '.ts')) {
    if (/\bexport\s*\*/.test(project.code(path))) {
      complaints.push(`${path}: export by name, never '*'`)
    }
    if (/\bexport\s+default\b/.test(project.code(path))) {
      complaints.push(`${path}: no default exports`)
    }
  }
  return complaints
}

/** Examples show what users can do, so they may use only what users can import. */
export function exampleComplaints(project: Project): string[] {
  const complaints: string[] = []
  for (const path of project.paths('examples', '.ts', '.mjs')) {
    for (const { specifier, line } of importsOf(project.text(path), project.code(path))) {
      if (!/(?:^|\/)(?:src|dist)\/(?!.*examples)/.test(specifier)) continue
      if (!specifier.startsWith('../')) continue
      complaints.push(`${path}:${line} imports ${specifier}: import 'tabularium' instead`)
    }
  }
  return complaints
}

function packageOf(specifier: string): string {
  const [first = '', second = ''] = specifier.split('/')
  return first.startsWith('@') ? `${first}/${second}` : first
}
