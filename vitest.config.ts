import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['**/node_modules/**'],
    // Processes: tests start workers and kill children, and a crash must not take other files along.
    pool: 'forks',
    maxWorkers: 2,
    // Loads what simulations must not wait for.
    setupFiles: ['test/loaded-parts.ts'],
    // The engine is built already: loaded as it is, its calls cost what they cost its users.
    server: { deps: { external: [/\/dist\//] } },
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
})
