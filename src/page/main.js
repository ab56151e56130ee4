/** Starts the page. */
import { App } from './app.js'
import { keepConversation } from './conversation/keep.js'
import { h } from './element.js'
import { render } from './vendor/preact.js'

const root = /** @type {HTMLElement} */ (document.getElementById('app'))
root.replaceChildren()
render(h(App, {}), root)
void keepConversation()
