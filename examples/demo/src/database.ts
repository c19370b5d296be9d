import { open } from 'tabularium'
import { tables } from './schema.js'

/** Opens the demo's database in this directory, and creates it when the directory is empty. */
export const openDatabase = (path: string) => open({ path, tables })

export type Database = Awaited<ReturnType<typeof openDatabase>>
/** One shop's view of the database: its own rows and nobody else's. */
export type Shop = ReturnType<Database['tenant']>
