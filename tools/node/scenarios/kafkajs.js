/** kafkajs. Its groups know the round-robin assignor only; it sends old versions of every API, none of them flexible. */
import kafkajs from 'kafkajs'
import snappy from 'kafkajs-snappy'
import { Watch } from './watch.js'

const { AssignerProtocol, CompressionTypes, CompressionCodecs, ConfigResourceTypes, Kafka, Partitioners, logLevel } = kafkajs

CompressionCodecs[CompressionTypes.Snappy] = snappy
const COMPRESSIONS = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP, snappy: CompressionTypes.Snappy }

export async function connect (brokers) {
  const kafka = new Kafka({ clientId: 'the-client', brokers, logLevel: logLevel.ERROR, retry: { retries: 3 }, logCreator })
  const admin = kafka.admin()
  await admin.connect()
  return { scenarios: { ...producing(kafka), ...consuming(kafka, admin), ...administration(admin) }, close: () => admin.disconnect() }
}

/** Standard output belongs to the answers. */
function logCreator () {
  return ({ label, log }) => console.error(label, log.message)
}

function producing (kafka) {
  return {
    /** topic, records [{partition, timestamp, key, value, headers}], compression, acks, idempotent: [partition, base offset] of each part. */
    async produce ({ topic, records, compression = 'none', acks = -1, idempotent = false }) {
      const inFlight = idempotent ? { maxInFlightRequests: 1 } : {}
      const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, idempotent, ...inFlight })
      await producer.connect()
      try {
        const messages = records.map(each => ({ ...each, timestamp: each.timestamp && String(each.timestamp) }))
        const told = await producer.send({ topic, messages, acks, compression: COMPRESSIONS[compression] })
        return told.map(each => [each.partition, Number(each.baseOffset)]).sort(byNumbers)
      } finally {
        await producer.disconnect()
      }
    }
  }
}

function byNumbers (one, other) {
  return one[0] - other[0]
}

/** A member of a group that remembers what it was given and what it has read. */
class Member {
  read = []
  partitions = []

  constructor (kafka, group, watch, { commits = true } = {}) {
    this.watch = watch
    this.commits = commits
    this.consumer = kafka.consumer({
      groupId: group,
      sessionTimeout: 6000,
      heartbeatInterval: 200,
      rebalanceTimeout: 5000,
      maxWaitTimeInMs: 50,
      allowAutoTopicCreation: false
    })
    this.consumer.on(this.consumer.events.GROUP_JOIN, ({ payload }) => {
      this.id = payload.memberId
      this.partitions = Object.values(payload.memberAssignment).flat().sort()
      watch.changed()
    })
  }

  async start (topic, { fromBeginning = true } = {}) {
    await this.consumer.connect()
    await this.consumer.subscribe({ topic, fromBeginning })
    await this.consumer.run({
      autoCommit: this.commits,
      eachMessage: async ({ partition, message }) => {
        this.read.push(record(partition, message))
        this.watch.changed()
      }
    })
  }

  async stop () {
    await this.consumer.disconnect()
  }
}

function record (partition, message) {
  const headers = Object.entries(message.headers).flatMap(([name, values]) => [values].flat().map(value => [name, text(value)]))
  const { offset, timestamp, key, value } = message
  return { partition, offset: Number(offset), timestamp: Number(timestamp), key: text(key), value: text(value), headers }
}

function text (bytes) {
  return bytes === null || bytes === undefined ? null : bytes.toString()
}

function consuming (kafka, admin) {
  return {
    /** topic, group, count, commits: at least so many records, as a group's only member. */
    async read ({ topic, group, count, commits = true }) {
      const watch = new Watch()
      const member = new Member(kafka, group, watch, { commits })
      try {
        await member.start(topic)
        await watch.until(() => member.read.length >= count, () => `${member.read.length} records`)
      } finally {
        await member.stop()
      }
      return member.read
    },

    /** topic, group, partition, offset: the first record that is read after seeking there. */
    async seek ({ topic, group, partition = 0, offset }) {
      const watch = new Watch()
      const member = new Member(kafka, group, watch, { commits: false })
      try {
        await member.start(topic)
        await watch.until(() => member.partitions.length > 0, () => 'no partition')
        member.consumer.seek({ topic, partition, offset: String(offset) })
        const sought = () => member.read.findLast(each => each.offset === offset)
        await watch.until(sought, () => `${member.read.length} records`)
        return sought()
      } finally {
        await member.stop()
      }
    },

    /** topic of four partitions, group: what each of two members holds as the second comes, and after it went. */
    async rebalance ({ topic, group }) {
      const watch = new Watch()
      const first = new Member(kafka, group, watch)
      const second = new Member(kafka, group, watch)
      const holdings = () => JSON.stringify([first.partitions, second.partitions])
      try {
        await first.start(topic)
        await watch.until(() => first.partitions.length === 4, holdings)
        const told = { alone: first.partitions }
        await second.start(topic)
        await watch.until(() => first.partitions.length === 2 && second.partitions.length === 2, holdings)
        Object.assign(told, { first: first.partitions, second: second.partitions })
        await second.stop()
        await watch.until(() => first.partitions.length === 4, holdings)
        return { ...told, again: first.partitions }
      } finally {
        await first.stop()
      }
    },

    /** topic, group: how the group is described with one member, and without. */
    async describe_group ({ topic, group }) {
      const watch = new Watch()
      const member = new Member(kafka, group, watch)
      const described = async () => {
        const { groups: [only] } = await admin.describeGroups([group])
        const { groups } = await admin.listGroups()
        return {
          state: only.state,
          protocol_type: only.protocolType,
          protocol: only.protocol,
          members: only.members.map(each => ({
            member_id: each.memberId,
            client_id: each.clientId,
            host: each.clientHost,
            partitions: AssignerProtocol.MemberAssignment.decode(each.memberAssignment).assignment[topic].sort()
          })),
          is_listed: groups.some(each => each.groupId === group)
        }
      }
      let alive
      try {
        await member.start(topic)
        await watch.until(() => member.partitions.length > 0, () => 'no partition')
        alive = await described()
      } finally {
        await member.stop()
      }
      return { member_id: member.id, alive, empty: await described() }
    }
  }
}

function administration (admin) {
  return {
    async create_topic ({ topic, partitions = 1, replication_factor: replicationFactor = 1, configs = {} }) {
      const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }))
      await admin.createTopics({ topics: [{ topic, numPartitions: partitions, replicationFactor, configEntries }] })
    },

    async describe_topic ({ topic }) {
      const { topics: [only] } = await admin.fetchTopicMetadata({ topics: [topic] })
      const partitions = only.partitions.map(each => [each.partitionId, each.leader, each.replicas.length, each.isr.length])
      return { name: only.name, partitions: partitions.sort(byNumbers) }
    },

    async list_topics () {
      return admin.listTopics()
    },

    async delete_topic ({ topic }) {
      await admin.deleteTopics({ topics: [topic] })
    },

    async create_partitions ({ topic, count }) {
      await admin.createPartitions({ topicPartitions: [{ topic, count }] })
    },

    /** topic, before: deletes what is before that offset of partition 0. */
    async delete_records ({ topic, before }) {
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(before) }] })
    },

    /** topic, time: [earliest, latest, first at or after that time] of partition 0. */
    async offsets ({ topic, time }) {
      const [{ low, high }] = await admin.fetchTopicOffsets(topic)
      const [{ offset }] = await admin.fetchTopicOffsetsByTimestamp(topic, time)
      return [Number(low), Number(high), Number(offset)]
    },

    /** type, name: values by key. */
    async describe_configs ({ type, name }) {
      const resource = { type: ConfigResourceTypes[type.toUpperCase()], name: String(name) }
      const { resources: [only] } = await admin.describeConfigs({ includeSynonyms: true, resources: [resource] })
      return Object.fromEntries(only.configEntries.map(each => [each.configName, each.configValue]))
    },

    /** topic, configs: takes the place of all that was set. */
    async alter_configs ({ topic, configs }) {
      const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }))
      const resource = { type: ConfigResourceTypes.TOPIC, name: topic, configEntries }
      await admin.alterConfigs({ validateOnly: false, resources: [resource] })
    },

    async describe_cluster () {
      const { brokers, controller, clusterId } = await admin.describeCluster()
      return {
        cluster_id: clusterId,
        controller,
        nodes: brokers.map(each => each.nodeId).sort(),
        addresses: brokers.map(each => `${each.host}:${each.port}`).sort()
      }
    },

    /** topic, group, offset. */
    async alter_group_offsets ({ topic, group, offset }) {
      await admin.setOffsets({ groupId: group, topic, partitions: [{ partition: 0, offset: String(offset) }] })
    },

    /** topic, group: the committed offset of partition 0, -1 for none. */
    async committed ({ topic, group }) {
      const [{ partitions: [only] }] = await admin.fetchOffsets({ groupId: group, topics: [topic] })
      return Number(only.offset)
    },

    async delete_group ({ group }) {
      await admin.deleteGroups([group])
    }
  }
}
