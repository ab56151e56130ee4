/** Line drawings of 24 by 24. */
import { h } from '../element.js'

const PATHS = /** @type {const} */ ({
  add: 'M12 5v14M5 12h14',
  attach:
    'm20.5 11.5-8.6 8.6a5.5 5.5 0 0 1-7.8-7.8l8.9-8.9a3.7 3.7 0 0 1 5.2 5.2l-8.9 8.9a1.8 1.8 0 0 1-2.6-2.6l8.2-8.2',
  camera:
    'M4 8h3.5l1.5-2.5h6L16.5 8H20a1 1 0 0 1 1 1v9.5a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V9a1 1 0 0 1 1-1zM12 10a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7z',
  check: 'm5 12.5 4.5 4.5L19 7.5',
  close: 'M6 6l12 12M18 6 6 18',
  code: 'm8.5 7-5 5 5 5M15.5 7l5 5-5 5',
  copy: 'M9 9h10v11H9zM15 9V4H5v11h4',
  download: 'M12 4v11m-5-4.5 5 5 5-5M5 20h14',
  edit: 'm4 20 1-4.5L16.5 4l3.5 3.5L8.5 19zM14 6.5 17.5 10',
  eye: 'M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6z',
  history: 'M4 5h16M4 10h16M4 15h10M4 20h7',
  moon: 'M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z',
  auto: 'M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM12 3.5v17',
  retry: 'M19.5 12a7.5 7.5 0 1 1-2.2-5.300L20 9.300M20 4.5v4.800h-4.800',
  send: 'M12 20V5m-6.5 6L12 4.5l6.5 6.5',
  settings: 'M4 7h9m4 0h3M4 17h3m4 0h9M15 4.5v5M9 14.5v5',
  stop: 'M7 7h10v10H7z',
  sun: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.300 5.300l1.400 1.400M17.300 17.300l1.400 1.400M18.700 5.300l-1.400 1.400M6.700 17.300l-1.400 1.400',
  trash: 'M5 7h14M9.5 7V4.5h5V7M7 7l.8 13h8.400L17 7M10.300 10.5v6M13.700 10.5v6',
  document: 'M6 3.5h8l4.5 4.5v12.5H6zM13.5 3.5V8.5h5M9 13h6M9 16.5h6',
  sound: 'M4 10v4M8 6.5v11M12 9v6M16 4.5v15M20 10v4',
})

/** @typedef {keyof typeof PATHS} IconName */

/** @param {{ readonly name: IconName }} props */
export function Icon({ name }) {
  return h(
    'svg',
    { class: 'icon', viewBox: '0 0 24 24', 'aria-hidden': 'true' },
    h('path', { d: PATHS[name] }),
  )
}

/**
 * A button that shows a drawing and says a name.
 * @param {{ readonly icon: IconName, readonly label: string, readonly onClick: (event: MouseEvent) => void, readonly disabled?: boolean, readonly kind?: string, readonly expanded?: boolean }} props
 */
export function IconButton({ icon, label, onClick, disabled = false, kind = '', expanded }) {
  return h(
    'button',
    {
      type: 'button',
      class: `icon-button ${kind}`.trim(),
      'aria-label': label,
      title: label,
      disabled,
      onClick,
      ...(expanded !== undefined && { 'aria-expanded': expanded }),
    },
    Icon({ name: icon }),
  )
}
