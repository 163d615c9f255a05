// The walk of a user of SQS and SNS (see walk.py) by the AWS SDK for Java 2: `java Walk http://127.0.0.1:9324 NAME`.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.net.URI;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.sns.SnsClient;
import software.amazon.awssdk.services.sqs.SqsClient;
import software.amazon.awssdk.services.sqs.model.DeleteMessageBatchRequestEntry;
import software.amazon.awssdk.services.sqs.model.Message;
import software.amazon.awssdk.services.sqs.model.MessageAttributeValue;
import software.amazon.awssdk.services.sqs.model.MessageSystemAttributeName;
import software.amazon.awssdk.services.sqs.model.QueueAttributeName;
import software.amazon.awssdk.services.sqs.model.QueueDoesNotExistException;
import software.amazon.awssdk.services.sqs.model.SendMessageBatchRequestEntry;
import software.amazon.awssdk.services.sqs.model.SendMessageResponse;

public final class Walk {
  private final SqsClient sqs;
  private final SnsClient sns;
  private final String name;

  private Walk(String endpoint, String name) {
    var credentials = StaticCredentialsProvider.create(AwsBasicCredentials.create("walker", "secret"));
    var place = URI.create(endpoint);
    this.sqs = SqsClient.builder().endpointOverride(place).region(Region.EU_WEST_1).credentialsProvider(credentials).build();
    this.sns = SnsClient.builder().endpointOverride(place).region(Region.EU_WEST_1).credentialsProvider(credentials).build();
    this.name = name;
  }

  public static void main(String[] arguments) throws Exception {
    var walk = new Walk(arguments[0], arguments[1]);
    var seen = new LinkedHashMap<String, Object>();
    walk.oneQueue(seen);
    walk.fifoQueue(seen);
    walk.fanOut(seen);
    System.out.write(new ObjectMapper().writeValueAsBytes(seen));
    System.out.println();
  }

  private void oneQueue(Map<String, Object> seen) {
    var attributes = Map.of(QueueAttributeName.VISIBILITY_TIMEOUT, "40");
    var url = sqs.createQueue(call -> call.queueName(name).attributes(attributes).tags(Map.of("team", "orders"))).queueUrl();
    var blob = SdkBytes.fromByteArray(new byte[] {0, 1, 2});
    var messageAttributes =
        Map.of(
            "colour", MessageAttributeValue.builder().dataType("String").stringValue("blue").build(),
            "count", MessageAttributeValue.builder().dataType("Number").stringValue("42").build(),
            "blob", MessageAttributeValue.builder().dataType("Binary").binaryValue(blob).build());
    sqs.sendMessage(call -> call.queueUrl(url).messageBody("h\u00e9llo <&> \ud83d\ude00").messageAttributes(messageAttributes));
    var message = receive(url, 1).get(0);
    sqs.changeMessageVisibility(call -> call.queueUrl(url).receiptHandle(message.receiptHandle()).visibilityTimeout(0));
    var again = receive(url, 1).get(0);
    sqs.deleteMessage(call -> call.queueUrl(url).receiptHandle(again.receiptHandle()));
    var entries =
        IntStream.range(0, 10)
            .mapToObj(number -> SendMessageBatchRequestEntry.builder().id("" + number).messageBody("body " + number).build())
            .toList();
    var sent = sqs.sendMessageBatch(call -> call.queueUrl(url).entries(entries));
    seen.put("body", message.body());
    seen.put("colour", message.messageAttributes().get("colour").stringValue());
    seen.put("blob", Base64.getEncoder().encodeToString(message.messageAttributes().get("blob").binaryValue().asByteArray()));
    seen.put("receives", Stream.of(message, again).map(Walk::receives).toList());
    seen.put("batch", sent.successful().size());
    seen.put("drained", drained(url));
    var asked = sqs.getQueueAttributes(call -> call.queueUrl(url).attributeNames(QueueAttributeName.VISIBILITY_TIMEOUT));
    seen.put("visibility", asked.attributes().get(QueueAttributeName.VISIBILITY_TIMEOUT));
    seen.put("tags", sqs.listQueueTags(call -> call.queueUrl(url)).tags());
    seen.put("listed", sqs.listQueues(call -> call.queueNamePrefix(name)).queueUrls().equals(List.of(url)));
    try {
      sqs.getQueueUrl(call -> call.queueName(name + "-missing"));
    } catch (QueueDoesNotExistException error) {
      seen.put("missing", error.awsErrorDetails().errorCode());
    }
  }

  private static String receives(Message message) {
    return message.attributes().get(MessageSystemAttributeName.APPROXIMATE_RECEIVE_COUNT);
  }

  private List<Message> receive(String url, int most) {
    return sqs.receiveMessage(
            call ->
                call.queueUrl(url)
                    .maxNumberOfMessages(most)
                    .messageAttributeNames("All")
                    .messageSystemAttributeNames(MessageSystemAttributeName.ALL))
        .messages();
  }

  private List<String> drained(String url) {
    var bodies = new ArrayList<String>();
    for (var messages = receive(url, 10); !messages.isEmpty(); messages = receive(url, 10)) {
      messages.forEach(message -> bodies.add(message.body()));
      var entries =
          messages.stream()
              .map(message -> DeleteMessageBatchRequestEntry.builder().id(message.messageId()).receiptHandle(message.receiptHandle()).build())
              .toList();
      sqs.deleteMessageBatch(call -> call.queueUrl(url).entries(entries));
    }
    return bodies.stream().sorted().toList();
  }

  private void fifoQueue(Map<String, Object> seen) {
    var attributes = Map.of(QueueAttributeName.FIFO_QUEUE, "true", QueueAttributeName.CONTENT_BASED_DEDUPLICATION, "true");
    var url = sqs.createQueue(call -> call.queueName(name + ".fifo").attributes(attributes)).queueUrl();
    var sent = new ArrayList<SendMessageResponse>();
    for (var body : List.of("one", "two", "one")) {
      sent.add(sqs.sendMessage(call -> call.queueUrl(url).messageBody(body).messageGroupId("g")));
    }
    seen.put("fifo", receive(url, 10).stream().map(Message::body).toList());
    seen.put("duplicate", sent.get(0).messageId().equals(sent.get(2).messageId()));
    seen.put("ascending", sent.get(0).sequenceNumber().compareTo(sent.get(1).sequenceNumber()) < 0);
    seen.put("blocked", receive(url, 1).isEmpty());
  }

  private void fanOut(Map<String, Object> seen) throws Exception {
    var topic = sns.createTopic(call -> call.name(name)).topicArn();
    var urls = new ArrayList<String>();
    for (var kind : List.of("raw", "wrapped")) {
      var url = sqs.createQueue(call -> call.queueName(name + "-" + kind)).queueUrl();
      var asked = sqs.getQueueAttributes(call -> call.queueUrl(url).attributeNames(QueueAttributeName.QUEUE_ARN));
      var raw = Map.of("RawMessageDelivery", "" + kind.equals("raw"));
      sns.subscribe(
          call ->
              call.topicArn(topic)
                  .protocol("sqs")
                  .endpoint(asked.attributes().get(QueueAttributeName.QUEUE_ARN))
                  .attributes(raw)
                  .returnSubscriptionArn(true));
      urls.add(url);
    }
    var kind = software.amazon.awssdk.services.sns.model.MessageAttributeValue.builder().dataType("String").stringValue("new").build();
    sns.publish(call -> call.topicArn(topic).message("news").subject("today").messageAttributes(Map.of("kind", kind)));
    var messages = new ArrayList<Message>();
    for (var url : urls) {
      messages.addAll(sqs.receiveMessage(call -> call.queueUrl(url).waitTimeSeconds(5).messageAttributeNames("All")).messages());
    }
    JsonNode envelope = new ObjectMapper().readTree(messages.get(1).body());
    seen.put("raw", List.of(messages.get(0).body(), messages.get(0).messageAttributes().get("kind").stringValue()));
    seen.put(
        "wrapped",
        List.of(
            envelope.get("Type").asText(),
            envelope.get("Subject").asText(),
            envelope.get("Message").asText(),
            envelope.get("MessageAttributes").get("kind").get("Value").asText()));
  }
}
