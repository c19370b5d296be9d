/* oxlint-disable import/no-unassigned-import -- a module that is to be loaded */
// The parts of the engine that it loads when they are first needed: loading takes turns of the event loop that no seed decides.

import '../dist/testing.js'
