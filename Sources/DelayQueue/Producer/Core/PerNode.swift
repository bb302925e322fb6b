/// A value for some of the nodes, in the order they were added.
///
/// A producer has few nodes, and keeps several such tables for every call: looking through an array takes a fraction of
/// what a dictionary takes to hash an index.
package struct PerNode<Value>: Sequence {
    package typealias Element = (node: Int, value: Value)

    private var entries: [Element] = []

    package init() {}

    package var isEmpty: Bool { entries.isEmpty }

    package var nodes: [Int] { entries.map(\.node) }

    package subscript(node: Int) -> Value? {
        get { index(of: node).map { entries[$0].value } }
        set {
            switch (index(of: node), newValue) {
            case (let index?, let value?): entries[index].value = value
            case (let index?, nil): entries.remove(at: index)
            case (nil, let value?): entries.append((node, value))
            case (nil, nil): break
            }
        }
    }

    /// Changes a node's value in place, beginning with the initial one where the node has none.
    package subscript(node: Int, default initial: @autoclosure () -> Value) -> Value {
        get { self[node] ?? initial() }
        _modify {
            let index: Int
            if let known = self.index(of: node) {
                index = known
            } else {
                index = entries.count
                entries.append((node, initial()))
            }
            yield &entries[index].value
        }
    }

    package mutating func removeValue(for node: Int) -> Value? {
        index(of: node).map { entries.remove(at: $0).value }
    }

    package func makeIterator() -> IndexingIterator<[Element]> { entries.makeIterator() }

    private func index(of node: Int) -> Int? {
        entries.firstIndex { $0.node == node }
    }
}

extension PerNode: Sendable where Value: Sendable {}
