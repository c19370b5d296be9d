// Which kernels run: the best that are there, or those that TABULARIUM_KERNELS names (typescript, wasm, native). It is a
// switch for tests and for finding faults, and one for the process, so no option of a database.

import { engineError } from '../base/errors.js'
import type { KernelKind, Kernels } from './kernels.js'
import { NativeKernels } from './native-kernels.js'
import { TYPESCRIPT_KERNELS } from './typescript-kernels.js'
import { WasmKernels } from './wasm-kernels.js'

const VARIABLE = 'TABULARIUM_KERNELS'

/** So many blocks are unpacked before a native library is looked for: a read behind an opening needs fewer. */
const EARLY_BLOCK_COUNT = 64

const LOADERS: Record<KernelKind, () => Kernels | undefined> = {
  native: () => NativeKernels.load(),
  wasm: () => (wasm ??= WasmKernels.load()),
  typescript: () => TYPESCRIPT_KERNELS,
}

/** From the fastest to the one that is always there. */
export const KERNEL_KINDS = ['native', 'wasm', 'typescript'] as const satisfies KernelKind[]

let wasm: WasmKernels | undefined
let chosen: Kernels | undefined
let earlyBlockCount = 0

/** Chosen with the first call. */
export function kernels(): Kernels {
  chosen ??= chooseKernels(process.env[VARIABLE])
  return chosen
}

/**
 * Those that unpack a block. A process begins with those of WebAssembly: whether there is a native library is a question to
 * every folder of packages, which takes as long as many blocks. When some are asked for by name it is those from the first.
 */
export function unpackingKernels(): Kernels {
  const isEarly = chosen === undefined && earlyBlockCount++ < EARLY_BLOCK_COUNT
  return (isEarly && !process.env[VARIABLE] ? LOADERS.wasm() : undefined) ?? kernels()
}

/**
 * Makes sure of the kernels when some are asked for by name. Otherwise they are loaded when they are first needed.
 *
 * @throws OPTION_OUT_OF_RANGE
 */
export function checkKernels(): void {
  if (process.env[VARIABLE]) kernels()
}

/**
 * @param wanted  a kind, or nothing: the best there is
 * @throws OPTION_OUT_OF_RANGE when there is no such kind, or not here
 */
export function chooseKernels(wanted: string | undefined): Kernels {
  const kinds = KERNEL_KINDS.filter((kind) => !wanted || kind === wanted)
  for (const kind of kinds) {
    const found = LOADERS[kind]()
    if (found !== undefined) return found
  }
  const why =
    kinds.length > 0 ? 'not to be had here' : `none of ${KERNEL_KINDS.toReversed().join(', ')}`
  throw engineError('OPTION_OUT_OF_RANGE', `${VARIABLE} is '${wanted}', which is ${why}`, {
    details: { option: VARIABLE, given: wanted ?? '' },
  })
}
