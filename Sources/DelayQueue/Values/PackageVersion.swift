/// The version of this package, as consumers tell it and `dq --version` shows it.
package enum PackageVersion {
    package static let current = "0.1.0"
}
