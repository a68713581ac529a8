Feature: A boat's record arrives elsewhere

  Scenario: A buyer imports the package with the same files and hashes
    Given a signed-in captain with a boat
    And the boat has equipment, a warranty and the papers "manual" and "invoice"
    And a package of the boat without the paper "invoice"
    When a buyer with an organization of their own imports it
    Then the buyer has the boat with its equipment, its warranty and the paper "manual" of the same hash
    And the buyer has neither the paper "invoice" nor an amount
    And the buyer finds the words of the paper "manual" at once

  Scenario: A second import changes nothing
    Given a signed-in captain with a boat
    And the boat has equipment, a warranty and the papers "manual" and "invoice"
    And a package of the boat without the paper "invoice"
    When a buyer with an organization of their own imports it
    And the buyer imports it again
    Then the answer says that it is there already, and there is one boat

  Scenario: A changed byte is named and refused
    Given a signed-in captain with a boat
    And the boat has equipment, a warranty and the papers "manual" and "invoice"
    And a package of the boat without the paper "invoice"
    And a byte of the paper "manual" in the package is changed
    When a buyer with an organization of their own imports it
    Then the import fails, names "07_Systems_and_equipment/manual.txt", and leaves no boat

  Scenario: A hostile archive is refused with the reason
    Given a signed-in captain with a boat
    And the boat has equipment, a warranty and the papers "manual" and "invoice"
    And a package whose equipment is on a boat of somebody else
    When a buyer with an organization of their own imports it
    Then the import fails, names "data/equipment.json, row 1, boat_id", and leaves no boat
    When the buyer sends words in the place of an archive
    Then the answer is 400

  Scenario: An organization is exported and restored elsewhere with equal hashes
    Given a signed-in captain with a boat
    And the boat has equipment, a warranty and the papers "manual" and "invoice"
    When the captain exports the organization
    And a buyer with an organization of their own imports the export
    And the buyer exports their organization too
    Then both exports hold the same records and the same files

  Scenario: A record moves to another organization only when accepted
    Given a captain with mail whose boat has the papers "Raft service" of type "SAF-RAFT" and "Policy" of type "INS-POL"
    When the captain sells it to "buyer@example.org" and has the package built
    And the captain hands it over
    Then "buyer@example.org" has no boat, and takes the record by the link
    And the record is theirs with the paper "Raft service", no download was used, and the seller is told
