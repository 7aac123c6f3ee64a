// src/workflows/subscription-trial.ts
import { proxyActivities, sleep, condition, defineSignal, setHandler } from "@temporalio/workflow";
import type * as activities from "../activities";

const { sendEmail, activateSubscription, deactivateAccount } = proxyActivities<typeof activities>({
  startToCloseTimeout: "10s",
  retry: { maximumAttempts: 3 },
});

export const convertToPayingSignal = defineSignal<[{ planId: string }]>("convertToPaying");

export async function subscriptionTrial(userId: string, trialDays: number): Promise<string> {
  let converted = false;
  let planId: string | undefined;

  setHandler(convertToPayingSignal, (data) => {
    converted = true;
    planId = data.planId;
  });

  // Send welcome email
  await sendEmail(userId, "trial-started", { trialDays: String(trialDays) });

  // Wait for half the trial, then send a reminder
  await sleep(`${Math.floor(trialDays / 2)}d`);

  if (!converted) {
    await sendEmail(userId, "trial-halfway", {});
  }

  // Wait for the rest of the trial or until they convert
  const didConvert = await condition(() => converted, `${Math.ceil(trialDays / 2)}d`);

  if (didConvert && planId) {
    await activateSubscription(userId, planId);
    await sendEmail(userId, "subscription-activated", { planId });
    return "converted";
  }

  // Trial expired without conversion
  await sendEmail(userId, "trial-expired", {});

  // Give a 3-day grace period
  const lastChance = await condition(() => converted, "3d");

  if (lastChance && planId) {
    await activateSubscription(userId, planId);
    return "converted-grace-period";
  }

  await deactivateAccount(userId);
  return "expired";
}
