/** The made-up lives of orders, a frame at a time; the id says which life. */

const NAMES = [
  ["コンテナ番号の割り当て", "Choosing a container number"], ["トンネルの作成", "Making the tunnel"], ["接続トークンの取得", "Fetching the tunnel's token"],
  ["経路の設定", "Configuring the route"], ["DNSの登録", "Making the DNS record"], ["設定情報の作成", "Preparing the settings"],
  ["設定情報の送信", "Uploading the settings"], ["コンテナの複製", "Cloning the container"], ["コンテナの起動", "Starting the container"], ["公開の確認", "Checking the address"],
].map(([ja, en]) => ({ ja, en }));
const PREPARING = { ja: "準備しています", en: "Preparing" };
const STEPS = NAMES.length;

const DETAILS = {
  reserved: ["お支払いを確認できしだい作成を始めます。準備ができると、メールでお知らせします。", "We begin as soon as your payment arrives, and write to you when it is ready."],
  paid: ["お支払いを確認しました。まもなく作成を始めます。", "Your payment has arrived. We are about to begin."],
  provisioning: ["環境を作成しています。", "Your environment is being made."],
  ready: ["ご利用いただけます。", "You can use it now."],
  refused: ["お試しいただけず、誠に申し訳ございません。全額を返金いたします。", "We are very sorry. You get a full refund."],
  expired: ["お支払いを期限までに確認できませんでした。お手数ですが、もう一度お申し込みください。", "Your payment did not arrive in time. Please order again."],
  stuck: ["運用担当者が確認しています。お待たせして申し訳ございません。", "Our operator is looking into it. We are sorry for the wait."],
  closed: ["お試しは終了し、すべて削除しました。", "Your trial is over and everything has been deleted."],
};

/** Each life: frames of [state, step, attempt]; the last one stays or ends. */
const walk = (from, to, attempt) => Array.from({ length: to - from + 1 }, (_, index) => ["provisioning", from + index, attempt]);
const LIVES = {
  cs_test_ready: { frames: [["paid", 0, 1], ...walk(0, STEPS, 1), ["ready", STEPS, 1]], isLast: "end" },
  cs_test_nostream: { frames: [["paid", 0, 1], ...walk(0, STEPS, 1), ["ready", STEPS, 1]], isLast: "end" },
  cs_test_retry: { frames: [...walk(0, 7, 1), ...walk(0, 3, 2)], isLast: "stays" },
  cs_test_working: { frames: [["provisioning", 6, 1]], isLast: "stays" },
  cs_test_waiting: { frames: [["reserved", 0, 0]], isLast: "stays" },
  cs_test_refused: { frames: [["provisioning", 3, 1], ["refused", 3, 3]], isLast: "end" },
  cs_test_expired: { frames: [["expired", 0, 1]], isLast: "end" },
  cs_test_stuck: { frames: [["stuck", 7, 2]], isLast: "stays" },
  cs_test_closed: { frames: [["closed", STEPS, 1]], isLast: "end" },
};

/** The trial of that id at that frame, and whether it is the last; null for an unknown id. */
export function trialAt(id, frame, language) {
  const life = LIVES[id];
  if (!life) return null;
  const index = Math.min(frame, life.frames.length - 1);
  const [state, step, attempt] = life.frames[index];
  const trial = {
    state, step, steps: STEPS, step_name: step > 0 ? NAMES[step - 1] : PREPARING, step_names: NAMES, attempt,
    url: ["paid", "provisioning", "ready", "stuck"].includes(state) ? "https://acme.persys.jp" : null,
    ends_at: "2026-12-01T10:00:00Z", subdomain: "acme", application: "nginx", detail: DETAILS[state][language === "en" ? 1 : 0],
  };
  return { trial, isLast: index === life.frames.length - 1 ? life.isLast : null };
}
