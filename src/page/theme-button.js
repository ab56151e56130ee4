/** As the system has it, light, or dark. */
import { h } from './element.js'
import { IconButton } from './parts/icon.js'
import { useState } from './vendor/hooks.js'

/** Also read by `theme.js`. */
const KEY = 'aerie.theme'

const THEMES = /** @type {const} */ (['auto', 'light', 'dark'])
const ICONS = /** @type {const} */ ({ auto: 'auto', light: 'sun', dark: 'moon' })

export function ThemeButton() {
  const [theme, setTheme] = useState(
    () => THEMES.find((one) => one === localStorage.getItem(KEY)) ?? 'auto',
  )
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'auto'
  return h(IconButton, {
    icon: ICONS[theme],
    label: `Theme: ${theme}`,
    onClick: () => {
      setTheme(next)
      if (next === 'auto') {
        localStorage.removeItem(KEY)
        delete document.documentElement.dataset['theme']
      } else {
        localStorage.setItem(KEY, next)
        document.documentElement.dataset['theme'] = next
      }
    },
  })
}
