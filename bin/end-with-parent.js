/** Preloaded into a child by run-with-node.js: when the parent is gone, even by SIGKILL, stop as on SIGTERM. */
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'))
// Listening must not keep a script alive that has nothing left to do.
process.channel?.unref()
