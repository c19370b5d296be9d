// W1 relaxed: the load of load.mjs, where a commit returns before it is durable.
import { run as load } from './load.mjs'

export const run = (context) => load({ ...context, isRelaxed: true })
