// The walk of a user of SQS and SNS (see walk.py) by the AWS SDK for JavaScript 3: `node walk.mjs http://127.0.0.1:9324 NAME`.

import * as SNS from "@aws-sdk/client-sns";
import * as SQS from "@aws-sdk/client-sqs";

const [endpoint, name] = process.argv.slice(2);
const settings = { endpoint, region: "eu-west-1", credentials: { accessKeyId: "walker", secretAccessKey: "secret" } };
const sqs = new SQS.SQS(settings);
const sns = new SNS.SNS(settings);

async function oneQueue() {
  const created = await sqs.createQueue({ QueueName: name, Attributes: { VisibilityTimeout: "40" }, tags: { team: "orders" } });
  const QueueUrl = created.QueueUrl;
  const MessageAttributes = {
    colour: { DataType: "String", StringValue: "blue" },
    count: { DataType: "Number", StringValue: "42" },
    blob: { DataType: "Binary", BinaryValue: Uint8Array.of(0, 1, 2) },
  };
  await sqs.sendMessage({ QueueUrl, MessageBody: "héllo <&> \u{1f600}", MessageAttributes });
  const all = { QueueUrl, MessageSystemAttributeNames: ["All"], MessageAttributeNames: ["All"] };
  const [message] = (await sqs.receiveMessage(all)).Messages;
  await sqs.changeMessageVisibility({ QueueUrl, ReceiptHandle: message.ReceiptHandle, VisibilityTimeout: 0 });
  const [again] = (await sqs.receiveMessage(all)).Messages;
  await sqs.deleteMessage({ QueueUrl, ReceiptHandle: again.ReceiptHandle });
  const Entries = [...Array(10).keys()].map((number) => ({ Id: `${number}`, MessageBody: `body ${number}` }));
  const sent = await sqs.sendMessageBatch({ QueueUrl, Entries });
  const missing = await sqs.getQueueUrl({ QueueName: `${name}-missing` }).catch((error) => error.name);
  const bodies = await drained(QueueUrl);
  const attributes = await sqs.getQueueAttributes({ QueueUrl, AttributeNames: ["VisibilityTimeout"] });
  const listed = await sqs.listQueues({ QueueNamePrefix: name });
  return {
    body: message.Body,
    colour: message.MessageAttributes.colour.StringValue,
    blob: Buffer.from(message.MessageAttributes.blob.BinaryValue).toString("base64"),
    receives: [message.Attributes.ApproximateReceiveCount, again.Attributes.ApproximateReceiveCount],
    batch: sent.Successful.length,
    drained: bodies,
    visibility: attributes.Attributes.VisibilityTimeout,
    tags: (await sqs.listQueueTags({ QueueUrl })).Tags,
    listed: listed.QueueUrls.length === 1 && listed.QueueUrls[0] === QueueUrl,
    missing,
  };
}

async function drained(QueueUrl) {
  const bodies = [];
  for (;;) {
    const { Messages } = await sqs.receiveMessage({ QueueUrl, MaxNumberOfMessages: 10 });
    if (!Messages?.length) return bodies.sort();
    bodies.push(...Messages.map((message) => message.Body));
    const Entries = Messages.map((message) => ({ Id: message.MessageId, ReceiptHandle: message.ReceiptHandle }));
    await sqs.deleteMessageBatch({ QueueUrl, Entries });
  }
}

async function fifoQueue() {
  const Attributes = { FifoQueue: "true", ContentBasedDeduplication: "true" };
  const { QueueUrl } = await sqs.createQueue({ QueueName: `${name}.fifo`, Attributes });
  const sent = [];
  for (const MessageBody of ["one", "two", "one"]) sent.push(await sqs.sendMessage({ QueueUrl, MessageBody, MessageGroupId: "g" }));
  const { Messages } = await sqs.receiveMessage({ QueueUrl, MaxNumberOfMessages: 10 });
  return {
    fifo: Messages.map((message) => message.Body),
    duplicate: sent[0].MessageId === sent[2].MessageId,
    ascending: BigInt(sent[0].SequenceNumber) < BigInt(sent[1].SequenceNumber),
    blocked: !(await sqs.receiveMessage({ QueueUrl })).Messages?.length,
  };
}

async function fanOut() {
  const { TopicArn } = await sns.createTopic({ Name: name });
  const urls = [];
  for (const [kind, RawMessageDelivery] of [["raw", "true"], ["wrapped", "false"]]) {
    const { QueueUrl } = await sqs.createQueue({ QueueName: `${name}-${kind}` });
    const { Attributes } = await sqs.getQueueAttributes({ QueueUrl, AttributeNames: ["QueueArn"] });
    const subscription = { TopicArn, Protocol: "sqs", Endpoint: Attributes.QueueArn, Attributes: { RawMessageDelivery } };
    await sns.subscribe({ ...subscription, ReturnSubscriptionArn: true });
    urls.push(QueueUrl);
  }
  const MessageAttributes = { kind: { DataType: "String", StringValue: "new" } };
  await sns.publish({ TopicArn, Message: "news", Subject: "today", MessageAttributes });
  const [raw, wrapped] = await Promise.all(
    urls.map(async (QueueUrl) => {
      const received = await sqs.receiveMessage({ QueueUrl, WaitTimeSeconds: 5, MessageAttributeNames: ["All"] });
      return received.Messages[0];
    }),
  );
  const envelope = JSON.parse(wrapped.Body);
  return {
    raw: [raw.Body, raw.MessageAttributes.kind.StringValue],
    wrapped: [envelope.Type, envelope.Subject, envelope.Message, envelope.MessageAttributes.kind.Value],
  };
}

console.log(JSON.stringify({ ...(await oneQueue()), ...(await fifoQueue()), ...(await fanOut()) }));
