// Takes the lock on a directory, says so, and keeps it until it is killed or told to let go.
import { lockDirectory } from '../../../dist/env/directory-lock.js'
import { nodeEnv } from '../../../dist/env/node-env.js'

const env = nodeEnv({ jobModule: new URL('file:///none.js'), jobThreadCount: 1 })
try {
  const lock = await lockDirectory(process.argv[2], env)
  process.stdout.write('locked\n')
  process.stdin.once('data', () => lock.release().then(() => process.stdin.destroy()))
} catch (error) {
  process.stdout.write(`${JSON.stringify({ code: error.code, details: error.details })}\n`)
}
