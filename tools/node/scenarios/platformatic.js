/** @platformatic/kafka: pure JavaScript, flexible versions, topic ids, fetches of its own making. */
import { Admin, Consumer, Producer, stringDeserializers, stringSerializers } from '@platformatic/kafka'
import { Watch } from './watch.js'

const CONFIG_RESOURCE = { topic: 2, broker: 4 }
const SET = 0
const EARLIEST = -2n
const LATEST = -1n

export async function connect (bootstrapBrokers) {
  const base = { clientId: 'the-client', bootstrapBrokers, retries: 3, retryDelay: 100, timeout: 10_000, metadataMaxAge: 0 }
  const admin = new Admin(base)
  const scenarios = { ...producing(base), ...consuming(base, admin), ...administration(base, admin) }
  return { scenarios, close: () => admin.close() }
}

function producing (base) {
  return {
    /** topic, records [{partition, timestamp, key, value, headers}], compression, acks, idempotent: [partition, base offset] of each part. */
    async produce ({ topic, records, compression = 'none', acks = -1, idempotent = false }) {
      const producer = new Producer({ ...base, serializers: stringSerializers, autocreateTopics: true })
      try {
        const messages = records.map(each => message(topic, each))
        const { offsets = [] } = await producer.send({ messages, compression, acks, idempotent })
        return offsets.map(each => [each.partition, Number(each.offset)]).sort(byNumbers)
      } finally {
        await producer.close()
      }
    }
  }
}

function message (topic, { timestamp, ...record }) {
  return timestamp ? { topic, timestamp: BigInt(timestamp), ...record } : { topic, ...record }
}

function byNumbers (one, other) {
  return one[0] - other[0]
}

/** A member of a group that remembers what it was given and what it has read. */
class Member {
  read = []
  partitions = []

  constructor (base, group, watch, { commits = true, instance } = {}) {
    this.watch = watch
    this.commits = commits
    this.consumer = new Consumer({
      ...base,
      groupId: group,
      deserializers: stringDeserializers,
      sessionTimeout: 6000,
      rebalanceTimeout: 6000,
      heartbeatInterval: 200,
      maxWaitTime: 50,
      ...(instance ? { groupInstanceId: instance } : {})
    })
    this.consumer.on('consumer:group:join', ({ memberId, generationId, assignments }) => {
      this.id = memberId
      this.generation = generationId
      this.partitions = assignments.flatMap(each => each.partitions).sort()
      watch.changed()
    })
  }

  async start (topic, { mode = 'committed', offsets } = {}) {
    const where = offsets ? { mode: 'manual', offsets } : { mode, fallbackMode: 'earliest' }
    this.stream = await this.consumer.consume({ topics: [topic], autocommit: this.commits, ...where })
    this.stream.on('data', each => {
      this.read.push(record(each))
      this.watch.changed()
    })
  }

  async stop () {
    await this.stream?.close()
    await this.consumer.close(true)
  }
}

function record ({ partition, offset, timestamp, key, value, headers }) {
  return { partition, offset: Number(offset), timestamp: Number(timestamp), key: key ?? null, value: value ?? null, headers: [...headers] }
}

function consuming (base, admin) {
  return {
    /** topic, group, count, commits: at least so many records, as a group's only member. */
    async read ({ topic, group, count, commits = true }) {
      const watch = new Watch()
      const member = new Member(base, group, watch, { commits })
      try {
        await member.start(topic)
        await watch.until(() => member.read.length >= count, () => `${member.read.length} records`)
      } finally {
        await member.stop()
      }
      return member.read
    },

    /** topic, group, partition, offset: the first record that is read there. */
    async seek ({ topic, group, partition = 0, offset }) {
      const watch = new Watch()
      const member = new Member(base, group, watch, { commits: false })
      try {
        await member.start(topic, { offsets: [{ topic, partition, offset: BigInt(offset) }] })
        await watch.until(() => member.read.length > 0, () => 'no record')
      } finally {
        await member.stop()
      }
      return member.read[0]
    },

    /** topic of four partitions, group: what each of two members holds as the second comes, and after it went. */
    async rebalance ({ topic, group }) {
      const watch = new Watch()
      const first = new Member(base, group, watch)
      const second = new Member(base, group, watch)
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
      const member = new Member(base, group, watch)
      const described = async () => {
        const only = (await admin.describeGroups({ groups: [group] })).get(group)
        return {
          state: only.state,
          protocol_type: only.protocolType,
          protocol: only.protocol,
          members: [...only.members.values()].map(each => ({
            member_id: each.id,
            client_id: each.clientId,
            host: each.clientHost,
            partitions: each.assignments.get(topic).partitions.sort()
          })),
          is_listed: (await admin.listGroups()).has(group)
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

function administration (base, admin) {
  return {
    async create_topic ({ topic, partitions = 1, replication_factor: replicas = 1, configs = {} }) {
      const entries = Object.entries(configs).map(([name, value]) => ({ name, value }))
      await admin.createTopics({ topics: [topic], partitions, replicas, configs: entries })
    },

    async describe_topic ({ topic }) {
      const { topics } = await admin.metadata({ topics: [topic], forceUpdate: true })
      const { partitions } = topics.get(topic)
      return { name: topic, partitions: partitions.map((each, number) => [number, each.leader, each.replicas.length, each.isr.length]) }
    },

    async list_topics () {
      return admin.listTopics()
    },

    async delete_topic ({ topic }) {
      await admin.deleteTopics({ topics: [topic] })
    },

    async create_partitions ({ topic, count }) {
      await admin.createPartitions({ topics: [{ name: topic, count, assignments: null }] })
    },

    /** topic, before: deletes what is before that offset of partition 0. */
    async delete_records ({ topic, before }) {
      await admin.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset: BigInt(before) }] }] })
    },

    /** topic, time: [earliest, latest, first at or after that time] of partition 0. */
    async offsets ({ topic, time }) {
      const at = async timestamp => {
        const [{ partitions: [only] }] = await admin.listOffsets({ topics: [{ name: topic, partitions: [{ partitionIndex: 0, timestamp }] }] })
        return Number(only.offset)
      }
      return [await at(EARLIEST), await at(LATEST), await at(BigInt(time))]
    },

    /** type, name: values by key. */
    async describe_configs ({ type, name }) {
      const resource = { resourceType: CONFIG_RESOURCE[type], resourceName: String(name) }
      const [only] = await admin.describeConfigs({ resources: [resource], includeSynonyms: true, includeDocumentation: true })
      return Object.fromEntries(only.configs.map(each => [each.name, each.value]))
    },

    /** topic, configs. */
    async alter_configs ({ topic, configs }) {
      const changes = Object.entries(configs).map(([name, value]) => ({ name, value, configOperation: SET }))
      await admin.incrementalAlterConfigs({ resources: [{ resourceType: CONFIG_RESOURCE.topic, resourceName: topic, configs: changes }] })
    },

    async describe_cluster () {
      const { id, brokers, controllerId } = await admin.metadata({ topics: [], forceUpdate: true })
      return {
        cluster_id: id,
        controller: controllerId,
        nodes: [...brokers.keys()].sort(),
        addresses: [...brokers.values()].map(each => `${each.host}:${each.port}`).sort()
      }
    },

    /** topic, group, offset. */
    async alter_group_offsets ({ topic, group, offset }) {
      const partitionOffsets = [{ partition: 0, offset: BigInt(offset) }]
      await admin.alterConsumerGroupOffsets({ groupId: group, topics: [{ name: topic, partitionOffsets }] })
    },

    /** topic, group: the committed offset of partition 0, -1 for none. */
    async committed ({ topic, group }) {
      const topics = [{ name: topic, partitionIndexes: [0] }]
      const [{ topics: [only] }] = await admin.listConsumerGroupOffsets({ groups: [{ groupId: group, topics }] })
      return Number(only.partitions[0].committedOffset)
    },

    async delete_group ({ group }) {
      await admin.deleteGroups({ groups: [group] })
    }
  }
}
