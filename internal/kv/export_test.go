package kv

// Keys is the number of callers that are remembered.
func Keys(m *Memory) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.tats)
}
