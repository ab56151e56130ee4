// What the server hands out as hooks.js.
export * from 'preact/hooks'
