/** A diagram in the language of Mermaid, drawn in the browser: only pages that have one load the library. */
import { useData } from 'vitepress'
import { defineComponent, h, ref, watchEffect } from 'vue'

let drawn = 0

export default defineComponent({
  props: { text: { type: String, required: true } },
  setup({ text }) {
    const { isDark } = useData()
    const svg = ref('')
    if (!import.meta.env.SSR) {
      watchEffect(async () => {
        const theme = isDark.value ? 'dark' : 'default'
        const { default: mermaid } = await import('mermaid')
        mermaid.initialize({ startOnLoad: false, theme })
        svg.value = (await mermaid.render(`diagram-${++drawn}`, text)).svg
      })
    }
    return () => (svg.value ? h('div', { class: 'diagram', innerHTML: svg.value }) : h('pre', text))
  }
})
