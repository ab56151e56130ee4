/** Dark or light before the first paint: a script of its own, as modules run later. */
;(() => {
  const KEY = 'aerie.theme'
  const chosen = localStorage.getItem(KEY)
  if (chosen === 'dark' || chosen === 'light') document.documentElement.dataset['theme'] = chosen
})()
