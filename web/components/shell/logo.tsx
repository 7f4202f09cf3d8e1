/** A desk: a screen on a stand, lit. */
export function Logo({ className }: { className?: string }) {
  return (
    <svg viewBox="0 0 24 24" className={className} aria-hidden="true">
      <rect x="1.5" y="2.5" width="21" height="14" rx="4" className="fill-primary" />
      <path d="M7 6.4v6.2M7 9.5h4.2M11.2 6.4v6.2" stroke="white" strokeWidth="1.9" strokeLinecap="round" fill="none" />
      <circle cx="16.6" cy="9.5" r="2" fill="white" fillOpacity=".9" />
      <path d="M12 16.5v3.6M7.5 21h9" className="stroke-primary" strokeWidth="2" strokeLinecap="round" />
    </svg>
  );
}
