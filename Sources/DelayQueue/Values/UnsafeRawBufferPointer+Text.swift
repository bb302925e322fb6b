extension UnsafeRawBufferPointer {
    func isText(_ text: StaticString) -> Bool {
        text.withUTF8Buffer { elementsEqual($0) }
    }
}
