// The links of a lesson's text change the screen in place: a click is told to the page, and the address stays.
export default function (component) {
  const { setTriggerValue } = component;
  const follow = (event) => {
    const link = event.target.closest?.('a[href^="#show-"]');
    if (!link) return;
    event.preventDefault();
    event.stopPropagation();
    setTriggerValue("followed", Number(link.getAttribute("href").slice("#show-".length)));
  };
  document.addEventListener("click", follow, true);
  return () => document.removeEventListener("click", follow, true);
}
