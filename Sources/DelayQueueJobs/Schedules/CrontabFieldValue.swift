/// What one field of a crontab says.
struct CrontabFieldValue {
    var numbers = NumberSet()
    /// Whether it has `L`, the last day of the month.
    var hasLastDay = false
    /// Whether it is `*`, `?` or `*` with a step, and no list: then it restricts nothing, or only thins out.
    var isOpen = false

    static func all(_ field: CrontabField) -> CrontabFieldValue {
        CrontabFieldValue(numbers: NumberSet(field.all), isOpen: true)
    }

    static func only(_ number: Int) -> CrontabFieldValue {
        CrontabFieldValue(numbers: NumberSet([number]))
    }
}
