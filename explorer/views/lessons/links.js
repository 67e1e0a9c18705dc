// The links of a lesson's text change the screen in place: a click is told to the page, and the address stays.
export default function ({ parentElement, setTriggerValue }) {
  const stop = () => document.removeEventListener("click", parentElement.follow, true);
  stop(); // this is called again at every run of the script
  parentElement.follow = (event) => {
    const link = event.target.closest?.('a[href^="#show-"]');
    if (!link) return;
    event.preventDefault();
    event.stopPropagation();
    setTriggerValue("followed", Number(link.getAttribute("href").slice("#show-".length)));
  };
  document.addEventListener("click", parentElement.follow, true);
  return stop;
}
