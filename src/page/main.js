/** Starts the page. */
import { App } from './app.js'
import { h } from './element.js'
import { keepDraft } from './keep/draft-keeper.js'
import { startKeeping } from './keep/keeper.js'
import { render } from './vendor/preact.js'

const root = /** @type {HTMLElement} */ (document.getElementById('app'))
root.replaceChildren()
render(h(App, {}), root)
void keepDraft()
void startKeeping()
