package archive

// ManifestBytes are those of manifest.json, as they were signed: their SHA-256
// names what an archive says, whoever made it and when.
func (a *Reader) ManifestBytes() ([]byte, error) { return a.own(ManifestName, maxManifest) }
