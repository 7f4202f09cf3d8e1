import type { NextConfig } from "next";

/**
 * `next build` writes a static page to `out/`, which the Python server serves. `next dev` passes what the server answers
 * on to it (HOTDESK_API, by default http://127.0.0.1:8000) and shows the one session page under every session's address.
 */
const api = process.env.HOTDESK_API ?? "http://127.0.0.1:8000";
const developing = process.env.NODE_ENV === "development";

const config: NextConfig = {
  trailingSlash: true,
  reactStrictMode: true,
  images: { unoptimized: true },
  // A stylesheet of its own would hold up the scripts: browsers load those one by one until there is nothing left that blocks the layout.
  experimental: { inlineCss: true },
  ...(developing
    ? {
        skipTrailingSlashRedirect: true,
        rewrites: async () => [
          { source: "/api/:path*", destination: `${api}/api/:path*` },
          { source: "/socket.io/:path*", destination: `${api}/socket.io/:path*` },
          { source: "/session/:id/", destination: "/session/" },
        ],
      }
    : { output: "export" as const }),
};

export default config;
