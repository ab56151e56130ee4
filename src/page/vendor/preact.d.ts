// What the server hands out as preact.js.
export * from 'preact'
